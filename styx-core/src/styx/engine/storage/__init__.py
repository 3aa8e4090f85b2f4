"""Files in stores: listed, copied, synchronised and removed, whichever plugin keeps them."""

from styx.engine.storage.planning import Mode
from styx.engine.storage.stores import Stores
from styx.engine.storage.transfer import Transfer
from styx.engine.storage.work import BucketInfo, Found, StorageWork

__all__ = ["BucketInfo", "Found", "Mode", "StorageWork", "Stores", "Transfer"]
