# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Container images on the host and the containers that run from them."""

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import container_lists as lists

JSON = ["--no-trunc", "--format", "{{json .}}"]
COMMANDS = {
    "docker-images": ["docker", "image", "ls", "--digests"] + JSON,
    "docker-containers": ["docker", "ps"] + JSON,
    "podman-images": ["podman", "images", "--format", "json"],
    "podman-containers": ["podman", "ps", "--format", "json"],
    "crictl-images": ["crictl", "images", "-o", "json"],
    "crictl-containers": ["crictl", "ps", "-o", "json"],
}
PARSERS = {
    "docker": (lists.parse_docker_images, lists.parse_docker_containers),
    "podman": (lists.parse_podman_images, lists.parse_podman_containers),
    "crictl": (lists.parse_cri_images, lists.parse_cri_containers),
}


def section(_host, commands, _rules):
    """Return [{engine, images: [{id, names, digests}], running: [{name, image, image_id}], problem}].

    An engine that is installed and does not answer has images and running None and a problem; a host without an
    engine has an empty list. Containers of other users than root are not seen. Raise Unknown when no engine answers.
    """
    found = [_engine(name, commands) for name in sorted(PARSERS) if commands.has(name + "-images")]
    if found and all(row["problem"] for row in found):
        why = "; ".join("{0}: {1}".format(row["engine"], row["problem"]) for row in found)
        raise Unknown("containers", why[:300], "look with become: true, and see whether the engine runs")
    return found


def _engine(name, commands):
    values, problem = [], None
    for at, kind in enumerate(("-images", "-containers")):
        run = commands.result(name + kind)
        try:
            if run.rc:
                raise ValueError(" ".join(run.err.split())[-200:] or "exit status {0}".format(run.rc))
            values.append(PARSERS[name][at](run.out))
        except ValueError as error:
            problem = problem or str(error)[:200]
    images, running = (None, None) if problem else values
    return {"engine": name, "images": images, "running": running, "problem": problem}
