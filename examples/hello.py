"""The same task in five lines of Python: python examples/hello.py."""

import styx

task = styx.Task("hello").run("echo 'Hello!'")
job = styx.launch(task, styx.Resources().cpus("1+"))
print(*job.logs(), sep="\n")
styx.down(job.cluster)
