# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""host_state on a lab host with zypper beside `zypper list-updates`, with repositories of several sizes.

The repository's metadata is real for the lab's packages and made up for the rest: as many packages as a distribution
lists, and an advisory for every tenth.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import statistics
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "molecule" / "shared"))

from lab import Lab  # noqa: E402

from ansible_collections.lockstep.patching.plugins.module_utils._look import look  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper import reader  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import detach  # noqa: E402

FACTOR, EXTRA = 1.3, 0.5
LOOK = """\
import sys, time
sys.path.insert(0, "/tmp/look.zip")
from ansible_collections.lockstep.patching.plugins.module_utils._look.look import Look
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider import registry
found = Look(Host(), int(time.time() * 1000)).run("never", 10 ** 9)
print(len(found.sections["candidates"]), len(found.unknown))
"""


def grow(lab: Lab, packages: int) -> None:
    """Let the repository list this many packages, most of which nobody has."""
    repo = lab.repo.rpm
    repo.republish()
    folder = repo.www / "repodata"
    repomd = (folder / "repomd.xml").read_text()
    for kind, tag, every in (("primary", "package", 1), ("updateinfo", "update", 10)):
        name = re.search(rf'repodata/([^"]*-{kind}\.xml\.gz)', repomd).group(1)
        text = gzip.decompress((folder / name).read_bytes()).decode()
        first, last = text.index(f"<{tag} "), text.rindex(f"</{tag}>") + len(f"</{tag}>")
        sample = text[first : text.index(f"</{tag}>") + len(f"</{tag}>")]
        own = re.search(r"lab-\w+", sample).group(0)
        more = "\n".join(sample.replace(own, f"{own}-{number}") for number in range(0, packages, every))
        text = text[:last] + more + text[last:]
        packed = gzip.compress(text.encode(), 6)
        old = re.search(rf'<data type="{kind}">.*?</data>', repomd, re.DOTALL).group(0)
        sums = [hashlib.sha256(data).hexdigest() for data in (packed, text.encode())]
        new = f"{sums[0]}-{kind}.xml.gz"
        changed = re.sub(r">\w{64}</checksum>", f">{sums[0]}</checksum>", old)
        changed = re.sub(r">\w{64}</open-checksum>", f">{sums[1]}</open-checksum>", changed).replace(name, new)
        changed = re.sub(r"<size>\d+<", f"<size>{len(packed)}<", changed)
        changed = re.sub(r"<open-size>\d+<", f"<open-size>{len(text.encode())}<", changed)
        repomd = repomd.replace(old, changed)
        (folder / new).write_bytes(packed)
    (folder / "repomd.xml").write_text(repomd)
    (folder / "repomd.xml.asc").write_text(repo.signer.detached(repomd))


def measure(lab: Lab, rounds: int) -> tuple[list[list[float]], list[list[float]], str]:
    """Of zypper's own check and of a look, in turns: wall seconds, CPU seconds with children; what the look found."""
    host, wall, cpu, said = lab.host("z1"), ([], []), ([], []), ""
    for _round in range(rounds):
        for number, command in enumerate(("zypper --no-refresh --xmlout list-updates", "python3 /root/look.py")):
            done = host.run(["bash", "-c", f'TIMEFORMAT="%R %U %S"; time {command}'])
            real, user, system = map(float, done.stderr.split()[-3:])
            wall[number].append(real)
            cpu[number].append(user + system)
            said = done.stdout.strip()
    return list(wall), list(cpu), said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packages", type=int, nargs="*", default=[0, 5000, 20000])
    arguments = parser.parse_args()
    lab, slow = Lab(f"bench-zypper-{os.getpid()}"), 0
    try:
        lab.up({"z1": {"base": "zypper"}}, groups={})
        host = lab.host("z1")
        # what is imported here goes into the bundle
        assert reader.ZypperReader.name == "zypper"
        detach.bundle(str(host.path("/var/tmp/look.zip")), look.__name__)
        host.write("/root/look.py", LOOK.replace("/tmp/look.zip", "/var/tmp/look.zip"))
        for packages in arguments.packages:
            grow(lab, packages)
            lab.refresh("z1")
            wall, cpu, said = measure(lab, arguments.rounds)
            for what, (theirs, ours) in (("wall", wall), ("CPU", cpu)):
                check, own = statistics.median(theirs), statistics.median(ours)
                limit = check * FACTOR + EXTRA
                slow += what == "wall" and own > limit
                print(f"{packages} more, {what}: zypper {check:.2f} s, look {own:.2f} s (limit {limit:.2f} s); {said}")
    finally:
        lab.down()
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
