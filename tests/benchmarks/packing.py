# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the batches of a big fleet take, and how near they are to the fewest: `packing.py [HOSTS]`.

Five budgets of random sizes, drawn with a fixed seed. Planning 20,000 hosts must take less than 2 s.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.packing import fewest, pack

LIMIT_S = 2.0
FLEETS = {
    "services of 10, clusters of 5": {"service": 2_000, "cluster": 4_000, "hypervisor": 1_000, "zone": 3, "dc": 2},
    "services of 100": {"service": 200, "cluster": 4_000, "hypervisor": 1_000, "zone": 3, "dc": 2},
    "services of 1,000": {"service": 20, "cluster": 400, "hypervisor": 1_000, "zone": 3, "dc": 2},
    "five tight budgets": {"service": 1_000, "cluster": 1_000, "hypervisor": 1_000, "rack": 1_000, "team": 1_000},
}
SHARES = {"zone": 5, "dc": 10}


def main() -> None:
    number, slow = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, []
    for name, shape in FLEETS.items():
        dice = random.Random(1)
        hosts = [f"host{at:05d}" for at in range(number)]
        of = {host: [f"{kind}={dice.randrange(count)}" for kind, count in shape.items()] for host in hosts}
        sizes = Counter(bucket for own in of.values() for bucket in own)
        limits = {bucket: max(1, size // SHARES.get(bucket.partition("=")[0], size)) for bucket, size in sizes.items()}
        started, worked = time.perf_counter(), time.process_time()
        batches = pack(hosts, of, limits, [max(1, number // 10)])
        took, work = time.perf_counter() - started, time.process_time() - worked
        least = fewest(hosts, of, limits, [max(1, number // 10)])
        print(f"{name}: {took:.2f} s ({work:.2f} s of processor), {len(batches)} batches, at least {least} are needed")
        slow += [name] if number <= 20_000 and took > LIMIT_S else []
    if slow:
        sys.exit(f"above {LIMIT_S} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
