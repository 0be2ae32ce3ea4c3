"""Reads a layer of an image, which is an archive that nobody has looked at yet.

    layer.py LAYER unpack FOLDER BYTES   writes its regular files as FOLDER/0, FOLDER/1, ...; prints their names
    layer.py LAYER show NAME             prints the text of one file, in a list that is empty if it has none

It prints one line of JSON. A name of the archive is data: it never becomes a path here, and no link or device is made.
Exit status 1, with a line on standard error: it cannot be read, or has more than BYTES.
"""

import json
import shutil
import sys
import tarfile
from collections.abc import Iterator
from typing import IO

MOST_SHOWN = 64 * 1024 * 1024


def files_of(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        content = archive.extractfile(member) if member.isreg() else None
        if content is not None:
            yield member, content
        # A stream is read once: without this, all members would stay in memory.
        archive.members = []


def unpack(archive: tarfile.TarFile, folder: str, most: int) -> list[str]:
    names: list[str] = []
    left = most
    for member, content in files_of(archive):
        left -= member.size
        if left < 0:
            raise ValueError(f"it has more than {most} bytes")
        if member.size > 0:
            with open(f"{folder}/{len(names)}", "xb") as target:
                shutil.copyfileobj(content, target, 1024 * 1024)
            names.append(member.name)
    return names


def show(archive: tarfile.TarFile, name: str) -> list[str]:
    found: list[str] = []
    for member, content in files_of(archive):
        if member.name.removeprefix("./") == name:
            if member.size > MOST_SHOWN:
                raise ValueError(f"{name} has more than {MOST_SHOWN} bytes")
            found = [content.read().decode()]
    return found


def main(layer: str, action: str, *args: str) -> None:
    with tarfile.open(layer, mode="r|*") as archive:
        result = unpack(archive, args[0], int(args[1])) if action == "unpack" else show(archive, args[0])
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
