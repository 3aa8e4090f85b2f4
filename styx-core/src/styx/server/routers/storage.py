"""Files in stores, by the credentials of the server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from styx.api.errors import BadInput, NotFound, Wire
from styx.api.storage import Storage, StoredObject
from styx.client.refusals import TooLarge
from styx.engine.ownership import require_writable
from styx.engine.storage import BucketInfo
from styx.engine.storage.uri import Uri
from styx.server.auth.access import IN_TURN, TRANSFER, AdminOf, CallerOf, MemberOf, NoteOf
from styx.server.auth.tokens import Caller
from styx.server.files.disk import writing
from styx.server.http.responses import Limit, decode, page
from styx.server.http.routing import routes
from styx.server.models import WHOLE, Flag, Page, Text, example
from styx.server.parts import Parts, PartsOf

router = routes("storage", "/v1/storage")

_URI = r"^[a-z][a-z0-9+.-]{0,30}://[^\x00]{1,2000}$"
AfterKey = Annotated[str | None, Query(max_length=8192, description="`next` of the page before")]
UriOf = Annotated[str, Query(pattern=_URI, examples=["s3://bucket/key"])]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "its content",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Buckets(BaseModel):
    """This installation's buckets, and why some stores could not be asked."""

    items: list[BucketInfo]
    next: None = None
    problems: dict[str, Wire]


class BucketIn(BaseModel):
    """A bucket to be made."""

    model_config = example({"uri": "s3://my-bucket"})

    uri: Annotated[str, Field(pattern=_URI)]


class PresignIn(BaseModel):
    """An object, for how many seconds, and whether to write it."""

    model_config = example({"uri": "s3://my-bucket/key", "seconds": 3600})

    uri: Annotated[str, Field(pattern=_URI)]
    seconds: Annotated[int, Field(ge=1, le=7 * 86400), WHOLE] = 3600
    writing: Flag = False


class Presigned(BaseModel):
    """An address that works for a while, for whoever has it."""

    url: Text


@router.get("", dependencies=[IN_TURN])
async def buckets(parts: PartsOf) -> Buckets:
    """This installation's buckets in all stores."""
    found, problems = await parts.engine.storage.buckets()
    return Buckets(items=found, problems={name: error.to_wire() for name, error in problems.items()})


@router.get("/objects", dependencies=[IN_TURN])
async def objects(uri: UriOf, parts: PartsOf, after: AfterKey = None, limit: Limit = 1000) -> Page[StoredObject]:
    """The objects at or below a URI, by key."""
    found = await parts.engine.storage.objects(uri, limit + 1, decode(after) or "")
    return page(found, limit, lambda last: last.key)  # type: ignore[return-value]


@router.post("/buckets", status_code=204, response_class=Response)
async def create(body: BucketIn, caller: CallerOf, parts: PartsOf, note: NoteOf) -> None:
    """Make a bucket. Idempotent for our own."""
    note(uri=body.uri)
    _writable(parts, caller, body.uri)
    await parts.engine.storage.create(body.uri)


@router.delete("/buckets", status_code=204, response_class=Response)
async def delete(uri: UriOf, parts: PartsOf, _admin: AdminOf) -> None:
    """Remove a bucket and all in it. Idempotent."""
    await parts.engine.storage.delete(uri)


@router.post("/presign")
async def presign(body: PresignIn, parts: PartsOf, note: NoteOf) -> Presigned:
    """An address for one object that works for so long."""
    note(uri=body.uri, seconds=body.seconds, writing=body.writing)
    return Presigned(url=await parts.engine.storage.presign(body.uri, body.seconds, writing=body.writing))


@router.get("/object", response_class=Response, responses=_BYTES, dependencies=[TRANSFER])
async def read(uri: UriOf, parts: PartsOf, _member: MemberOf) -> Response:
    """The content of one object, for members: the server's credentials may reach further than their clusters."""
    work = parts.engine.storage
    storage, place = work.stores.of(uri), _single(uri)
    found = await work.find(str(place))
    if not found.objects:
        raise NotFound(f"there is nothing at {place}")
    if found.size > parts.settings.max_upload:
        raise TooLarge(
            f"{place} is larger than goes through the server", hint="POST /v1/storage/presign has another way."
        )
    with ExitStack() as failing:
        path = Path(failing.enter_context(tempfile.TemporaryDirectory(prefix="styx-object-"))) / "content"
        with writing(path):
            await work.stores.call(storage, storage.get, place.bucket, {place.key: path})
        sent = BackgroundTask(failing.pop_all().close)
    return FileResponse(path, media_type="application/octet-stream", background=sent)


@router.put(
    "/object",
    status_code=204,
    response_class=Response,
    openapi_extra={"requestBody": {"required": False, "content": _BYTES[200]["content"]}},
    dependencies=[TRANSFER],
)
async def write(uri: UriOf, request: Request, caller: CallerOf, parts: PartsOf) -> None:
    """Put one object there, or another in its place."""
    work = parts.engine.storage
    storage, place = _writable(parts, caller, uri), _single(uri)
    with tempfile.TemporaryDirectory(prefix="styx-object-") as scratch:
        path = Path(scratch) / "content"
        with writing(path):
            await _keep(request.stream(), path)
        await work.stores.call(storage, storage.put, place.bucket, {place.key: path})


@router.delete("/object", status_code=204, response_class=Response)
async def remove(uri: UriOf, caller: CallerOf, parts: PartsOf) -> None:
    """Remove one object. Idempotent."""
    storage, place = _writable(parts, caller, uri), _single(uri)
    await parts.engine.storage.stores.call(storage, storage.remove, place.bucket, [place.key])


async def _keep(pieces: AsyncIterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)


def _writable(parts: Parts, caller: Caller, uri: str) -> Storage:
    """The store, where the caller may make and remove something. Raises BadInput."""
    storage = parts.engine.storage.stores.of(uri)
    require_writable(parts.engine.for_user(caller.user).context, storage.name)
    return storage


def _single(uri: str) -> Uri:
    place = Uri.parse(uri)
    if not place.key or place.key.endswith("/"):
        raise BadInput(f"{place} names no single object")
    return place
