"""Reads the file that the image build leaves behind. Knows nothing of databases."""

import json
import logging
import os

_logger = logging.getLogger(__name__)

DEFAULT_FILE = "/opt/odoo/release.json"
TEXTS = ("version", "revision", "created", "series", "contentHash")


def read(environ):
    """The release as {version, revision, created, series, contentHash, digest, modules}.

    `environ` may name another file (`ODOO_RELEASE_FILE`) and the image's digest (`ODOO_IMAGE_DIGEST`): an image cannot
    contain its own digest, so whoever starts it says which one it is. What is unknown is an empty text or dict, never
    None, which XML-RPC cannot carry. A missing or broken file is logged and never keeps the server from starting.
    """
    content = _load(environ.get("ODOO_RELEASE_FILE") or DEFAULT_FILE)
    modules = content.get("modules")
    return {
        **{key: _text(content.get(key)) for key in TEXTS},
        "digest": environ.get("ODOO_IMAGE_DIGEST", ""),
        "modules": {name: _module(value) for name, value in modules.items()} if isinstance(modules, dict) else {},
    }


def _module(value):
    value = value if isinstance(value, dict) else {}
    return {"version": _text(value.get("version")), "hash": _text(value.get("hash"))}


def _text(value):
    return value if isinstance(value, str) else ""


def _load(path):
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        _logger.info("No release file at %s: this server does not run from a built image.", path)
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _logger.error("Release file %s cannot be read: %s", path, error)
        return {}
    if not isinstance(content, dict):
        _logger.error("Release file %s holds no JSON object.", path)
        return {}
    return content


# Read once, when the process loads the module: the answer is about the code in memory, even if a file changes later.
CURRENT = read(os.environ)
