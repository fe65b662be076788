"""Mistakes in agent.yaml, and in the files it is read together with."""

from __future__ import annotations

from broken_packages.row import MANIFEST, ROUTES, Broken, agent, files


def _bomb() -> str:
    """Nine lines that stand for a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join([*lines, "metadata:", "  sub_agents: *a8", ""])


ROWS = (
    Broken(
        "no manifest",
        files({"routes.py": ROUTES, "ui/index.html": "<p>"}),
        "manifest_missing",
        "the root has: routes.py, ui/",
        "agent.yaml at the root",
        True,
    ),
    Broken(
        "folder around everything",
        files({"my_agent/agent.yaml": MANIFEST, "my_agent/routes.py": ROUTES}),
        "manifest_missing",
        "my_agent/agent.yaml",
        'what is in the folder "my_agent"',
        True,
    ),
    Broken(
        "manifest in another case",
        files({"Agent.yaml": MANIFEST, "routes.py": ROUTES}),
        "manifest_missing",
        '"Agent.yaml"',
        'Rename "Agent.yaml"',
        True,
    ),
    Broken(
        "not yaml",
        agent({"agent.yaml": "name: [open\nrest:\n  entry: routes:mount\n"}),
        "manifest_invalid",
        "agent.yaml:2:5",
        "where the evidence points",
        True,
    ),
    Broken(
        "indented by tabs",
        agent({"agent.yaml": "name: tabs\nrest:\n\tentry: routes:mount\n"}),
        "manifest_invalid",
        "agent.yaml:3:1: the line is indented by a tab",
        "where the evidence points",
        True,
    ),
    Broken(
        "a list",
        agent({"agent.yaml": "- name: a\n- rest: routes:mount\n"}),
        "manifest_invalid",
        "the document is a list",
        "where the evidence points",
        True,
    ),
    Broken(
        "empty manifest",
        agent({"agent.yaml": ""}),
        "manifest_invalid",
        "the document is empty",
        "where the evidence points",
        True,
    ),
    Broken(
        "wrong types",
        agent({"agent.yaml": "name: a\nrest: routes:mount\nenvironment: [A, B]\n"}),
        "manifest_invalid",
        "agent.yaml:2:7: rest must be a mapping, not a text",
        "where the evidence points",
        True,
    ),
    Broken(
        "entry without a function",
        agent({"agent.yaml": "name: a\nrest:\n  entry: 'routes:'\n"}),
        "manifest_invalid",
        "agent.yaml:3:10: rest.entry",
        "where the evidence points",
        True,
    ),
    Broken(
        "yaml bomb",
        agent({"agent.yaml": _bomb()}),
        "manifest_invalid",
        "metadata.sub_agents[0] must be a mapping",
        "where the evidence points",
        True,
    ),
    Broken(
        "yaml nested too deep",
        agent({"agent.yaml": "name: a\nx: " + "[" * 100 + "]" * 100}),
        "manifest_invalid",
        "agent.yaml:2:67: nests deeper than 64 levels",
        "where the evidence points",
        True,
    ),
    Broken(
        "limit that is no number",
        agent({"agent.yaml": f"{MANIFEST}limits: {{memory_mb: plenty}}\n"}),
        "manifest_invalid",
        "limits.memory_mb must be a number",
        "where the evidence points",
        True,
    ),
    Broken(
        "another language",
        agent({"agent.yaml": f"{MANIFEST}runtime: go1.21\n"}),
        "wrong_runtime",
        "go1.21",
        "exec:./path",
        True,
    ),
    Broken(
        "python of the future",
        agent({"agent.yaml": f"{MANIFEST}runtime: python3.99\n"}),
        "wrong_runtime",
        "agent.yaml: runtime: python3.99",
        "Change `runtime`",
    ),
    Broken(
        "no folder of the ui",
        agent({"agent.yaml": f"{MANIFEST}ui:\n  path: web\n"}),
        "manifest_invalid",
        "no folder 'web'",
        "ui.path",
        True,
    ),
    Broken(
        "no page of the ui",
        agent({"agent.yaml": f"{MANIFEST}ui:\n  path: web\n", "web/app.js": "1"}),
        "manifest_invalid",
        "no index.html in 'web'",
        "Put index.html",
        True,
    ),
    Broken(
        "ui outside of the package",
        agent({"agent.yaml": f"{MANIFEST}ui:\n  path: ../web\n"}),
        "manifest_invalid",
        "'../web' must name a folder below the root",
        "ui.path",
        True,
    ),
    Broken(
        "dotenv that is not utf-8",
        agent({".env": "A=1\nNAME=Zoë\n".encode("latin-1")}),
        "manifest_invalid",
        ".env:2:",
        "Save .env as UTF-8",
        True,
    ),
)
