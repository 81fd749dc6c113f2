# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A signed RPM repository beside the lab's archives: packages, metadata by createrepo_c, advisories by modifyrepo_c."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

from . import catalogue, indexes, rpms
from .catalogue import NO_FAULTS, Faults
from .debs import Spec
from .errors import LabError
from .rpms import Rpm
from .shell import run, write_atomic
from .signing import Signer

ID, NAME = "lab", "Lockstep lab"
KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-lockstep-lab"
"""Where a host keeps the key."""


class RpmRepository:
    """One repository, served at `URL/rpm`. What is published is kept on disk, beside the files."""

    def __init__(self, folder: Path, url: str, signer: Signer) -> None:
        """folder: of the lab's repositories; url: where its server serves `folder/www`."""
        self.folder = folder
        self.www = folder / "www" / "rpm"
        self.url = f"{url}/rpm"
        self.signer = signer
        self._batch = 0

    # content

    def build(self, name: str, version: str, *, faults: Faults = NO_FAULTS, **changes: Any) -> Rpm:
        """Build a package without publishing it, as `Repository.build` does."""
        known = name in catalogue.NAMES
        return rpms.build((_standard(name, version, faults) if known else Spec(name, version))._replace(**changes))

    def publish(
        self,
        package: str | Rpm | Spec,
        version: str = "",
        *,
        security: bool | None = None,
        advisory: bool | None = None,
        severity: str = "Important",
        cves: Sequence[str] = (),
        issued: int | None = None,
        kind: str = "",
        retracted: bool = False,
        faults: Faults = NO_FAULTS,
        **changes: Any,
    ) -> Rpm:
        """Add a package version; the same name and version again replaces it.

        security: what its advisory is (None: the catalogue's answer, False for other names). advisory: does one name
        it at all? None: all but the first version of the catalogue. issued: its date, seconds since 1970 (None: now).
        kind: its type in place of security or bugfix. retracted: it was taken back, as SUSE does it; the package has to
        say so too (Provides: retracted-patch-package()).
        """
        if isinstance(package, Rpm):
            rpm = package
        elif isinstance(package, Spec):
            rpm = rpms.build(package)
        else:
            rpm = self.build(package, version, faults=faults, **changes)
        name = rpm.spec.name
        if security is None:
            security = name in catalogue.NAMES and catalogue.is_security(name)
        if advisory is None:
            advisory = rpm.spec.version != catalogue.FIRST
        target = self.www / "packages" / rpm.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".new")
        shutil.copyfile(rpm.path, draft)
        self.signer.ensure()
        self.signer.sign_rpm(draft)
        draft.replace(target)
        entry = {
            "name": name, "version": rpm.spec.version, "evr": rpm.evr, "arch": rpms.arch(rpm.spec),
            "file": f"packages/{target.name}", "issued": issued or int(time.time()), "severity": severity,
            "cves": list(cves), "kind": None if not advisory else kind or ("security" if security else "bugfix"),
            "status": "retracted" if retracted else "final",
        }  # fmt: skip
        self._save(items=[*(i for i in self._items() if _key(i) != _key(entry)), entry])
        return rpm

    def publish_standard(self, version: str, faults: Faults = NO_FAULTS, only: Iterable[str] = ()) -> None:
        """Publish all standard packages (or `only` some) in a version, each with its advisory."""
        with self.batch():
            for name in catalogue.NAMES:
                if not only or name in set(only):
                    self.publish(name, version, faults=faults)

    def withdraw(self, name: str, version: str = "", *, keep_file: bool = False) -> int:
        """Remove a package (one version, or all), as `Repository.withdraw` does."""
        items = self._items()
        gone = [i for i in items if i["name"] == name and version in ("", i["version"])]
        if not gone:
            raise LabError(f"{name} {version} is not published", f"published: {', '.join(self.published())}")
        for item in gone:
            if not keep_file:
                (self.www / item["file"]).unlink(missing_ok=True)
        self._save(items=[i for i in items if i not in gone])
        return len(gone)

    def published(self) -> list[str]:
        """'name version' of all that is published, sorted."""
        return sorted(f"{i['name']} {i['version']}" for i in self._items())

    def sha256(self, name: str, version: str) -> str:
        """Checksum of a published file."""
        return indexes.sha256(self.file(name, version))

    def file(self, name: str, version: str) -> Path:
        """A published file."""
        for item in self._items():
            if (item["name"], item["version"]) == (name, version):
                return self.www / item["file"]
        raise LabError(f"{name} {version} is not published", f"published: {', '.join(self.published())}")

    @contextlib.contextmanager
    def batch(self) -> Iterator[RpmRepository]:
        """Publish and withdraw several packages, on the object that it gives, with one set of metadata at the end."""
        self._batch += 1
        try:
            yield self
        finally:
            self._batch -= 1
        self.republish()

    # metadata

    def set_advisories(self, there: bool) -> None:
        """Does the repository have advisories at all? Many have none."""
        self._save(advisories=there)

    def republish(self) -> None:
        """Write and sign the metadata anew."""
        if self._batch:
            return
        self.signer.ensure()
        data = self._load()
        self.www.mkdir(parents=True, exist_ok=True)
        new = self.folder / "rpm.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        listed = new / "list"
        listed.write_text("".join(f"{i['file']}\n" for i in data["items"]), encoding="utf-8")
        run(["createrepo_c", "--quiet", "--no-database", f"--pkglist={listed}", f"--outputdir={new}", str(self.www)])
        if data["advisories"]:
            (new / "updateinfo.xml").write_text(advisories(data["items"]), encoding="utf-8")
            run(["modifyrepo_c", str(new / "updateinfo.xml"), str(new / "repodata")])
        repomd = (new / "repodata/repomd.xml").read_text(encoding="utf-8")
        (new / "repodata/repomd.xml.asc").write_text(self.signer.detached(repomd), encoding="utf-8")
        (new / "repodata/repomd.xml.key").write_text(self.signer.public_key(), encoding="utf-8")
        # what hosts are reading stays: only what the metadata names changes, and its name has its checksum
        (self.www / "repodata").mkdir(exist_ok=True)
        for path in sorted((new / "repodata").iterdir(), key=lambda each: each.name.startswith("repomd")):
            path.replace(self.www / "repodata" / path.name)
        shutil.rmtree(new)

    def is_complete(self) -> bool:
        """Whether metadata was written at least once."""
        return (self.www / "repodata/repomd.xml.key").exists()

    def break_signature(self) -> None:
        """Change the signed metadata after signing; republish() mends it."""
        path = self.www / "repodata/repomd.xml"
        write_atomic(path, path.read_text(encoding="utf-8") + "<!-- changed -->\n")

    def unsign(self) -> None:
        """Remove the metadata's signature; republish() puts it back."""
        (self.www / "repodata/repomd.xml.asc").unlink(missing_ok=True)

    def break_metadata(self) -> None:
        """Replace the list of packages by something else; republish() mends it."""
        for path in (self.www / "repodata").glob("*-primary.xml.*"):
            path.write_bytes(b"<html>this is no package list</html>\n")

    def change_key(self) -> None:
        """Sign with a new key that the hosts do not know."""
        self.signer.forget()
        self.signer.ensure()
        for item in self._items():
            self.signer.sign_rpm(self.www / item["file"])
        self.republish()

    def corrupt(self, name: str, version: str) -> None:
        """Change a published file behind the metadata's back: same size, another checksum."""
        path = self.file(name, version)
        data = bytearray(path.read_bytes())
        data[-1] ^= 0xFF
        path.write_bytes(bytes(data))

    def repo_file(self) -> str:
        """Text of a host's /etc/yum.repos.d/lab.repo (/etc/zypp/repos.d/lab.repo)."""
        settings = {
            "name": NAME, "baseurl": self.url, "enabled": 1, "gpgcheck": 1, "repo_gpgcheck": 1, "gpgkey": f"file://{KEY}",
        }  # fmt: skip
        return f"[{ID}]\n" + "".join(f"{key}={value}\n" for key, value in settings.items())

    def _load(self) -> dict[str, Any]:
        path = self.folder / "rpm.json"
        start: dict[str, Any] = {"items": [], "advisories": True}
        return {**start, **json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else start

    def _items(self) -> list[dict[str, Any]]:
        return list(self._load()["items"])

    def _save(self, **changes: Any) -> None:
        write_atomic(self.folder / "rpm.json", json.dumps({**self._load(), **changes}, indent=1))
        self.republish()


def advisories(items: Iterable[dict[str, Any]]) -> str:
    """Text of updateinfo.xml: one advisory for each item that has a kind."""
    root = xml.Element("updates")
    for item in items:
        if not item["kind"]:
            continue
        about = xml.SubElement(
            root,
            "update",
            {"from": "lab@localhost", "status": item.get("status", "final"), "type": item["kind"], "version": "1"},
        )
        number = f"LAB-{item['name']}-{item['evr']}"
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(item["issued"]))
        xml.SubElement(about, "id").text = number
        xml.SubElement(about, "title").text = f"{item['name']} {item['kind']} update"
        xml.SubElement(about, "issued", {"date": when})
        xml.SubElement(about, "updated", {"date": when})
        if item["kind"] == "security":
            xml.SubElement(about, "severity").text = item["severity"]
        xml.SubElement(about, "description").text = f"An update of {item['name']}."
        references = xml.SubElement(about, "references")
        for cve in item["cves"]:
            href = f"https://example.org/{cve}"
            xml.SubElement(references, "reference", {"href": href, "id": cve, "title": cve, "type": "cve"})
        collection = xml.SubElement(xml.SubElement(about, "pkglist"), "collection", {"short": "LAB"})
        xml.SubElement(collection, "name").text = NAME
        epoch, _colon, rest = item["evr"].rpartition(":")
        version, _dash, release = rest.rpartition("-")
        package = xml.SubElement(
            collection,
            "package",
            {"name": item["name"], "version": version, "release": release, "epoch": epoch or "0", "arch": item["arch"]},
        )
        xml.SubElement(package, "filename").text = Path(item["file"]).name
        if item["name"] == "lab-boot":
            xml.SubElement(package, "reboot_suggested").text = "True"
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _standard(name: str, version: str, faults: Faults) -> Spec:
    """A standard package, asking for a reboot as RPM packages do: tools know them by name."""
    spec = catalogue.spec(name, version, faults)
    if name != "lab-boot":
        return spec
    known = (("/etc/dnf/plugins/needs-restarting.d/lab-boot.conf", "lab-boot\n"),)
    return spec._replace(postinst="", files=known, fields=(("Provides", "installhint(reboot-needed)"),))


def standard(version: str = catalogue.FIRST) -> list[Spec]:
    """All standard packages in one version, and what they stand on."""
    return [rpms.BASE, *(_standard(name, version, NO_FAULTS) for name in catalogue.NAMES)]


def _key(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["name"], item["version"], item["arch"]
