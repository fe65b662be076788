"""In the image's build: the bill of materials, SPDX 2.3 in JSON, of what is in it.

It reads what is installed: dpkg's list, the metadata of the Python environment and of pip, and for
par-node the packages below /opt/node. Times and names are of the content, so that equal images have
equal bills.
"""

import hashlib
import json
import os
import re
from email.parser import HeaderParser
from pathlib import Path

IMAGE = Path("/image")
SITE = Path("/environments")
PIP = Path("/usr/local/lib/python3.11/dist-packages")
NODE = Path("/opt/node")
OUT = Path("/sbom")


def debian_packages(status: Path) -> list[dict]:
    """Every package that dpkg calls installed."""
    found = []
    for text in status.read_text(encoding="utf-8").split("\n\n"):
        fields = HeaderParser().parsestr(text)
        if not str(fields.get("Status", "")).endswith(" installed"):
            continue
        name, version, arch = (fields[key] for key in ("Package", "Version", "Architecture"))
        url = f"pkg:deb/debian/{name}@{escape(version)}?arch={arch}&distro=debian-12"
        found.append(package("deb", name, version, url, f"Organization: {fields['Maintainer']}"))
    return found


def python_packages(*folders: Path) -> list[dict]:
    """Every distribution below the folders, by its METADATA."""
    found = []
    for folder in folders:
        for metadata in folder.rglob("*.dist-info/METADATA"):
            fields = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
            name, version = fields["Name"], fields["Version"]
            canonical = re.sub(r"[-_.]+", "-", name).lower()
            url = f"pkg:pypi/{canonical}@{escape(version)}"
            found.append(package("pypi", canonical, version, url))
    return found


def node_packages(folder: Path) -> list[dict]:
    """Node.js itself, and every package npm consists of."""
    version = (folder / "version.txt").read_text(encoding="ascii").strip()
    found = [package("node", "node", version, f"pkg:generic/node@{escape(version)}")]
    for file in folder.glob("lib/**/package.json"):
        if file.parent.parent.name != "node_modules" and not file.parent.parent.name.startswith("@"):
            continue
        content = json.loads(file.read_text(encoding="utf-8"))
        if "name" in content and "version" in content:
            name = content["name"]
            url = f"pkg:npm/{name.replace('@', '%40')}@{escape(content['version'])}"
            found.append(package("npm", name, content["version"], url))
    return found


def package(kind: str, name: str, version: str, url: str, supplier: str = "NOASSERTION") -> dict:
    """One package as SPDX wants it."""
    safe = re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{version}")
    return {
        "SPDXID": f"SPDXRef-{kind}-{safe}",
        "name": name,
        "versionInfo": version,
        "supplier": supplier,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": url,
            }
        ],
    }


def escape(version: str) -> str:
    """A version in a package URL."""
    return version.replace("+", "%2B").replace(":", "%3A")


def bill(name: str, packages: list[dict], created: str) -> dict:
    """The document: the image contains every package."""
    unique = {each["SPDXID"]: each for each in packages}
    ordered = [unique[key] for key in sorted(unique)]
    version = os.environ.get("VERSION", "unknown")
    image = package("image", name, version, f"pkg:oci/{name}@{escape(version)}")
    image["SPDXID"] = "SPDXRef-image"
    image["primaryPackagePurpose"] = "CONTAINER"
    image["licenseDeclared"] = "Apache-2.0"
    digest = hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {"created": created, "creators": ["Tool: pixell-images-par-sbom"]},
        "packages": [image, *ordered],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": "SPDXRef-image",
            },
            *(
                {
                    "spdxElementId": "SPDXRef-image",
                    "relationshipType": "CONTAINS",
                    "relatedSpdxElement": each["SPDXID"],
                }
                for each in ordered
            ),
        ],
    }


def main() -> None:
    """Writes /sbom/par and /sbom/par-node."""
    created = os.environ["CREATED"]
    common = debian_packages(IMAGE / "var" / "lib" / "dpkg" / "status")
    common += python_packages(SITE, PIP)
    version = os.environ.get("VERSION", "unknown")
    common.append(package("pixell", "pixell", version, f"pkg:generic/pixell@{escape(version)}"))
    for name, packages in (("par", common), ("par-node", common + node_packages(NODE))):
        (OUT / name).mkdir(parents=True, exist_ok=True)
        text = json.dumps(bill(name, packages, created), indent=1, sort_keys=True) + "\n"
        (OUT / name / "sbom.spdx.json").write_text(text, encoding="utf-8")


main()
