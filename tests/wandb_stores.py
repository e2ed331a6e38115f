"""What the W&B server of the tests keeps beside runs: artifacts and reports, by the calls that wandb 0.31 makes."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LISTED = {"entityName": "tester", "createdAt": "2026-01-01T00:00:00Z", "isBenchmark": False, "user": None}
PROJECT = {"id": "p", "internalId": "internal", "name": "lab", "entity": {"name": "tester"}}


@dataclass
class StoredArtifact:
    """A version of an artifact; its files lie among the server's uploads."""

    created: dict[str, Any]  # the input of its createArtifact
    state: str = "PENDING"
    uploads: dict[str, str] = field(default_factory=dict)  # name in the artifact -> upload's name

    @property
    def name(self) -> str:
        return self.created["artifactCollectionName"]

    @property
    def kind(self) -> str:
        return self.created["artifactTypeName"]

    @property
    def metadata(self) -> dict[str, Any]:
        return json.loads(self.created["metadata"])


class Artifacts:
    """Takes artifacts; a content that the collection holds already is answered by the version that has it."""

    def __init__(self) -> None:
        self.all: dict[str, StoredArtifact] = {}

    @property
    def committed(self) -> list[StoredArtifact]:
        return [artifact for artifact in self.all.values() if artifact.state == "COMMITTED"]

    def answer(self, operation: str, variables: dict[str, Any], url: str) -> dict[str, Any] | None:
        """Answers one operation; None for one that is not about artifacts."""
        if operation == "ArtifactType":
            named = [each for each in self.committed if each.name == variables["name"].partition(":")[0]]
            found = {"artifactType": {"name": named[0].kind}} if named else None
            return {"project": {"artifact": found}}
        if operation == "CreateArtifact":
            return {"createArtifact": {"artifact": self._created(variables["input"])}}
        if operation == "CreateArtifactManifest":
            identity = variables["artifactID"]
            place = f"artifacts/{identity}/{variables['name']}"
            file = {"id": "f", "uploadUrl": f"{url}/upload/{place}", "uploadHeaders": []}
            return {"createArtifactManifest": {"artifactManifest": {"id": f"manifest-{identity}", "file": file}}}
        if operation == "CreateArtifactFiles":
            nodes = [self._file(each, url) for each in variables["input"]["artifactFiles"]]
            return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}
        if operation == "CommitArtifact":
            artifact = self.all[variables["artifactID"]]
            artifact.state = "COMMITTED"
            digest = artifact.created["digest"]
            return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": digest}}}
        if operation == "ArtifactByID":
            return {"artifact": self._told(variables["id"])}
        return None

    def _created(self, given: dict[str, Any]) -> dict[str, Any]:
        sequence = [each for each in self.all if self.all[each].name == given["artifactCollectionName"]]
        same = [each for each in sequence if self.all[each].created["digest"] == given["digest"]]
        done = [each for each in same if self.all[each].state == "COMMITTED"]
        if given["enableDigestDeduplication"] and done:
            identity = done[-1]
        else:
            identity = f"artifact-{len(self.all)}"
            self.all[identity] = StoredArtifact(given)
        latest = [each for each in sequence if self.all[each].state == "COMMITTED"]
        return {
            "id": identity,
            "state": self.all[identity].state,
            "artifactSequence": {"latestArtifact": {"id": latest[-1]} if latest else None},
        }

    def _file(self, given: dict[str, Any], url: str) -> dict[str, Any]:
        identity = given["artifactID"]
        place = f"artifacts/{identity}/{given['name']}"
        self.all[identity].uploads[given["name"]] = place
        return {
            "storagePath": place,
            "uploadUrl": f"{url}/upload/{place}",
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": identity},
        }

    def _told(self, identity: str) -> dict[str, Any]:
        artifact = self.all[identity]
        sequence = {"__typename": "ArtifactSequence", "name": artifact.name, "project": PROJECT}
        return {
            "__typename": "Artifact",
            "id": identity,
            "artifactSequence": sequence,
            "versionIndex": list(self.all).index(identity),
            "artifactType": {"name": artifact.kind},
            "description": None,
            "metadata": artifact.created["metadata"],
            "ttlDurationSeconds": -1,
            "ttlIsInherited": False,
            "tags": [],
            "historyStep": None,
            "state": artifact.state,
            "size": 0,
            "digest": artifact.created["digest"],
            "commitHash": "c",
            "fileCount": len(artifact.uploads),
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [],
        }


@dataclass
class StoredReport:
    """A report as it was written last."""

    title: str
    description: str
    spec: dict[str, Any]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return self.spec["blocks"]


class Reports:
    """Takes reports; one that comes with the id of another replaces it."""

    def __init__(self) -> None:
        self.all: dict[str, StoredReport] = {}
        self.projects: set[str] = set()

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Answers one operation; None for one that is not about reports or projects."""
        if operation == "GetProjects":
            edges = [{"node": {**LISTED, "id": name, "name": name}} for name in sorted(self.projects)]
            return {"models": {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}}
        if operation == "CreateProject":
            self.projects.add(variables["input"]["name"])
            return {"upsertModel": {"inserted": True}}
        if operation == "SpecificReport":
            project = {"id": "p", "name": "lab", "entityName": "tester"}
            return {"view": {**self._told(variables["reportId"]), "project": project}}
        if operation == "upsertView":
            return self._written(variables)
        if operation == "ProjectViews":
            edges = [{"node": self._told(identity), "cursor": identity} for identity in self.all]
            return {"project": {"allViews": {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}}}
        return None

    def _written(self, given: dict[str, Any]) -> dict[str, Any]:
        identity = given["id"] or b64encode(f"View:{len(self.all)}".encode()).decode()
        if given["id"] and given["id"] not in self.all:
            return {"upsertView": None}
        inserted = identity not in self.all
        self.all[identity] = StoredReport(given["displayName"], given["description"], json.loads(given["spec"]))
        project = {"id": "p", "name": given["projectName"], "entityName": given["entityName"]}
        return {"upsertView": {"view": {**self._told(identity), "project": project}, "inserted": inserted}}

    def _told(self, identity: str) -> dict[str, Any]:
        report = self.all[identity]
        return {
            "id": identity,
            "type": "runs",
            "name": identity,
            "displayName": report.title,
            "description": report.description,
            "user": {"username": "tester", "photoUrl": None, "email": "tester@example.org"},
            "spec": json.dumps(report.spec),
            "updatedAt": "2026-01-01T00:00:00Z",
            "createdAt": "2026-01-01T00:00:00Z",
        }


def contents(artifact: StoredArtifact, uploads: Mapping[str, bytes]) -> dict[str, bytes]:
    """The artifact's files by their names in it."""
    return {name: uploads[place] for name, place in artifact.uploads.items()}
