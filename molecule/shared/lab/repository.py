# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A signed package repository that the lab builds and serves: a main and a security archive."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import catalogue, debs, indexes, procs
from .catalogue import NO_FAULTS, Faults
from .debs import Deb, Spec
from .errors import LabError
from .names import MARK, LabNames
from .rpmrepo import RpmRepository
from .shell import write_atomic
from .signing import Signer

PORT = 8080


class Repository:
    """Archives `main` and `security` of one lab. What is published is kept on disk, beside the files."""

    def __init__(self, names: LabNames, address: str) -> None:
        self.names = names
        self.address = address
        self.folder = names.state / "repo"
        self.www = self.folder / "www"
        self.signer = Signer(self.folder / "gnupg")
        self._batch = 0

    @property
    def url(self) -> str:
        """Where hosts find it."""
        return f"http://{self.address}:{PORT}"

    @property
    def rpm(self) -> RpmRepository:
        """The RPM repository beside the archives, for hosts that take RPM packages."""
        return RpmRepository(self.folder, self.url, self.signer)

    # content

    def build(self, name: str, version: str, *, faults: Faults = NO_FAULTS, **changes: Any) -> Deb:
        """Build a package without publishing it.

        A standard name starts from the catalogue; any other from an empty Spec. changes are Spec fields
        (depends, service, conffiles, files, preinst, postinst, prerm, postrm, size, source, fields, ...).
        """
        known = name in catalogue.NAMES
        spec = catalogue.spec(name, version, faults) if known else Spec(name, version)
        return debs.build(spec._replace(**changes))

    def publish(
        self,
        package: str | Deb | Spec,
        version: str = "",
        *,
        security: bool | None = None,
        phased: int | None = None,
        faults: Faults = NO_FAULTS,
        **changes: Any,
    ) -> Deb:
        """Add a package version to an archive; the same name and version again replaces it.

        security: which archive; None takes the catalogue's answer (False for other names). phased: per cent
        of hosts that are offered it.
        """
        if isinstance(package, Deb):
            deb = package
        elif isinstance(package, Spec):
            deb = debs.build(package)
        else:
            deb = self.build(package, version, faults=faults, **changes)
        if security is None:
            security = deb.spec.name in catalogue.NAMES and catalogue.is_security(deb.spec.name)
        archive = "security" if security else "main"
        relative = f"pool/{archive}/{deb.path.name}"
        target = self.www / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(deb.path, target)
        entry = {"archive": archive, "name": deb.spec.name, "version": deb.spec.version, "control": deb.control,
                 "file": relative, "phased": phased}  # fmt: skip
        items = [i for i in self._items() if _key(i) != _key(entry)]
        self._save(items=[*items, entry])
        return deb

    def publish_standard(self, version: str, faults: Faults = NO_FAULTS, only: Iterable[str] = ()) -> None:
        """Publish all standard packages (or `only` some) in a version, each where it belongs."""
        with self.batch():
            for spec in catalogue.standard(version, faults):
                if not only or spec.name in set(only):
                    first = version == catalogue.FIRST
                    self.publish(spec, security=False if first else catalogue.is_security(spec.name))

    def withdraw(self, name: str, version: str = "", *, keep_file: bool = False) -> int:
        """Remove a package (one version, or all) from both archives; returns how many entries went.

        keep_file leaves the .deb where it was, as mirrors do for a while. LabError when there was none.
        """
        items = self._items()
        gone = [i for i in items if i["name"] == name and version in ("", i["version"])]
        if not gone:
            raise LabError(
                f"{name} {version} is not published", f"published: {', '.join(self.published()) or 'nothing'}"
            )
        for item in gone:
            if not keep_file:
                (self.www / item["file"]).unlink(missing_ok=True)
        self._save(items=[i for i in items if i not in gone])
        return len(gone)

    def published(self) -> list[str]:
        """'archive: name version' of all that is published, sorted."""
        return sorted(f"{i['archive']}: {i['name']} {i['version']}" for i in self._items())

    def sha256(self, name: str, version: str) -> str:
        """Checksum of a published file."""
        for item in self._items():
            if (item["name"], item["version"]) == (name, version):
                return indexes.sha256(self.www / item["file"])
        raise LabError(f"{name} {version} is not published")

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Publish and withdraw several packages with one signing at the end."""
        self._batch += 1
        try:
            yield
        finally:
            self._batch -= 1
        self.republish()

    # indexes

    def set_valid_until(self, seconds: int | None) -> None:
        """Validity of the indexes from now; negative makes them expired, None leaves the field out."""
        self._save(valid=seconds)

    def set_date(self, seconds: int) -> None:
        """Date of the indexes relative to now (negative: they look old)."""
        self._save(date=seconds)

    def republish(self) -> None:
        """Write and sign both archives' indexes anew; replaces the files one by one, Release last."""
        if self._batch:
            return
        self.signer.ensure()
        data = self._load()
        for archive in indexes.ARCHIVES:
            items = [i for i in data["items"] if i["archive"] == archive]
            now = int(time.time())
            indexes.write(self.www, archive, items, now + data["date"], data["valid"], self.signer)
        write_atomic(self.www / "key.asc", self.signer.public_key())

    def is_complete(self) -> bool:
        """Whether all was written at least once: the public key comes last."""
        return (self.www / "key.asc").exists()

    def break_signature(self, archive: str = "security") -> None:
        """Change an archive's signed index after signing; republish() mends it."""
        path = indexes.suite_folder(self.www, archive) / "InRelease"
        write_atomic(path, path.read_text().replace("Description: ", "Description: changed "))

    def unsign(self, archive: str = "security") -> None:
        """Remove an archive's signatures; republish() puts them back."""
        for name in ("InRelease", "Release.gpg"):
            (indexes.suite_folder(self.www, archive) / name).unlink(missing_ok=True)

    def change_key(self) -> None:
        """Sign with a new key that the hosts do not know."""
        self.signer.forget()
        self.republish()

    def corrupt(self, name: str, version: str) -> None:
        """Change a published .deb behind the index's back: same size, another checksum."""
        for item in self._items():
            if (item["name"], item["version"]) == (name, version):
                path = self.www / item["file"]
                data = bytearray(path.read_bytes())
                data[-1] ^= 0xFF
                path.write_bytes(bytes(data))
                return
        raise LabError(f"{name} {version} is not published")

    # serving

    def serve(self) -> None:
        """Start the HTTP server on the lab's own address, unless it runs."""
        if not self.is_complete():
            self.republish()
        if self.is_serving():
            return
        here = Path(__file__).resolve().parent
        with open(self.folder / "server.log", "ab") as log:
            subprocess.run(
                ["setsid", "--fork", sys.executable, "-m", "lab.server", str(self.www), self.address, str(PORT),
                 str(self.access_log), str(self.folder / "faults.json")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, cwd=here.parent,
                env={"PATH": "/usr/bin:/bin", MARK: str(self.names.state), "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        deadline = time.monotonic() + 10
        while not self.is_serving():
            if time.monotonic() > deadline:
                raise LabError(f"the repository server does not answer at {self.url}", f"read {self.folder}/server.log")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server: the mirror is away."""
        procs.end_all(self._server_pids, "the repository server")

    def is_serving(self) -> bool:
        """Whether something answers at the repository's address."""
        try:
            socket.create_connection((self.address, PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def set_faults(self, *faults: dict[str, Any]) -> None:
        """Make the server misbehave: {"match": regex, and "status": 503 | "cut": bytes | "delay": seconds}."""
        write_atomic(self.folder / "faults.json", json.dumps(list(faults)))

    @property
    def access_log(self) -> Path:
        """JSON lines: time, client, path, status, bytes."""
        return self.folder / "access.log"

    def requests(self) -> list[dict[str, Any]]:
        """All answers so far, oldest first."""
        if not self.access_log.exists():
            return []
        return [json.loads(line) for line in self.access_log.read_text(encoding="utf-8").splitlines()]

    def fetched(self, pattern: str = ".deb", client: str = "") -> int:
        """Bytes sent for paths that contain pattern (to one client's address)."""
        return sum(r["bytes"] for r in self.requests() if pattern in r["path"] and client in ("", r["client"]))

    def get(self, path: str) -> bytes:
        """What the server answers for a path (for tests of the repository itself)."""
        with urllib.request.urlopen(f"{self.url}/{path.lstrip('/')}", timeout=10) as answer:
            return bytes(answer.read())

    def sources(self) -> str:
        """deb822 text of an apt sources file for a host."""
        return "\n".join(
            f"Types: deb\nURIs: {self.url}\nSuites: {suite}\nComponents: main\n"
            "Signed-By: /etc/apt/keyrings/lockstep-lab.asc\n"
            for suite in (indexes.ARCHIVES[a].codename for a in indexes.ARCHIVES)
        )

    def _server_pids(self) -> list[int]:
        wanted = [b"lab.server", str(self.www).encode()]
        found = []
        for pid in procs.marked_pids(self.names.state):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if all(word in words for word in wanted):
                found.append(pid)
        return found

    def _load(self) -> dict[str, Any]:
        path = self.folder / "repo.json"
        start: dict[str, Any] = {"items": [], "date": 0, "valid": 7 * 86400}
        return {**start, **json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else start

    def _items(self) -> list[dict[str, Any]]:
        return list(self._load()["items"])

    def _save(self, **changes: Any) -> None:
        write_atomic(self.folder / "repo.json", json.dumps({**self._load(), **changes}, indent=1))
        self.republish()


def _key(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["archive"], item["name"], item["version"]
