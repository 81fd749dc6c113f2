# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images and running containers: what docker, podman and crictl print as JSON."""

import json
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

LIMIT = 500
_NONE = "<none>"


def parse_docker_images(text):
    """Return [{id, names, digests}] of ``docker image ls --no-trunc --digests --format '{{json .}}'``."""
    images: Dict[str, Any] = {}
    for row in _lines(text):
        image = images.setdefault(_text(row, "ID"), {"names": set(), "digests": set()})
        repository, tag, digest = (_text(row, key) for key in ("Repository", "Tag", "Digest"))
        if repository not in ("", _NONE):
            if tag not in ("", _NONE):
                image["names"].add(repository + ":" + tag)
            if digest not in ("", _NONE):
                image["digests"].add(repository + "@" + digest)
    return _images({number: (image["names"], image["digests"]) for number, image in images.items()})


def parse_docker_containers(text):
    """Return [{name, image, image_id}] of ``docker ps --no-trunc --format '{{json .}}'``."""
    return _containers((_text(row, "Names"), _text(row, "Image"), "") for row in _lines(text))


def parse_podman_images(text):
    """Return [{id, names, digests}] of ``podman images --format json``."""
    found = {}
    for row in _list(json.loads(text or "[]")):
        names = row.get("Names") or row.get("RepoTags") or []
        found[_text(row, "Id")] = (_texts(names), _texts(row.get("RepoDigests") or []))
    return _images(found)


def parse_podman_containers(text):
    """Return [{name, image, image_id}] of ``podman ps --format json``."""
    return _containers(
        (", ".join(_texts(row.get("Names") or [])), _text(row, "Image"), _text(row, "ImageID"))
        for row in _list(json.loads(text or "[]"))
    )


def parse_cri_images(text):
    """Return [{id, names, digests}] of ``crictl images -o json``."""
    return _images(
        {
            _text(row, "id"): (_texts(row.get("repoTags") or []), _texts(row.get("repoDigests") or []))
            for row in _list(_dict(json.loads(text or "{}")).get("images"))
        }
    )


def parse_cri_containers(text):
    """Return [{name, image, image_id}] of ``crictl ps -o json``."""
    return _containers(
        (
            _text(_dict(row.get("metadata")), "name"),
            _text(_dict(row.get("image")), "userSpecifiedImage") or _text(_dict(row.get("image")), "image"),
            _text(row, "imageRef"),
        )
        for row in _list(_dict(json.loads(text or "{}")).get("containers"))
    )


def _images(found):
    rows = [
        {"id": number.replace("sha256:", ""), "names": sorted(names)[:20], "digests": sorted(digests)[:20]}
        for number, (names, digests) in found.items()
    ]
    return sorted(rows, key=lambda row: (row["names"], row["id"]))[:LIMIT]


def _containers(rows):
    found = [{"name": name, "image": image, "image_id": number.replace("sha256:", "")} for name, image, number in rows]
    return sorted(found, key=lambda row: (row["name"], row["image"]))[:LIMIT]


def _lines(text):
    return [_dict(json.loads(line)) for line in text.split("\n") if line.strip()]


def _text(row, key):
    value = row.get(key)
    return bounded(value, 300) if isinstance(value, str) else ""


def _texts(values):
    return {bounded(value, 300) for value in _plain(values) if isinstance(value, str) and _NONE not in value}


def _plain(value):
    return value if isinstance(value, list) else []


def _list(value):
    return [row for row in _plain(value) if isinstance(row, dict)]


def _dict(value):
    return value if isinstance(value, dict) else {}
