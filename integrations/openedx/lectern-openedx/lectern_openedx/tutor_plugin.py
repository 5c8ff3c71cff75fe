"""
A plugin for Tutor: Open edX's images get this package, its settings the address and key, and the web server sends the path of AI Extensions to
Lectern. `pip install` this package where tutor is; then `tutor plugins enable lectern`.
"""

from tutor import hooks

FOLDER = "lectern-openedx"

# LECTERN_KEY is a service key that `lectern key add --role service` has printed: it cannot be made up here.
hooks.Filters.CONFIG_DEFAULTS.add_items(
    [
        ("LECTERN_ADDRESS", "lectern:8080"),
        ("LECTERN_URL", "http://{{ LECTERN_ADDRESS }}"),
        ("LECTERN_KEY", ""),
        ("LECTERN_USER_CLAIM", "preferred_username"),
        ("LECTERN_ORA_STEP", False),
    ]
)

# `tutor mounts add …/lectern-openedx` then installs the folder in the images and mounts it in the containers.
hooks.Filters.MOUNTED_DIRECTORIES.add_item(("openedx", FOLDER))

SETTINGS = """\
LECTERN = {
    "URL": {{ LECTERN_URL | tojson }},
    "KEY": {{ LECTERN_KEY | tojson }},
    "USER_CLAIM": {{ LECTERN_USER_CLAIM | tojson }},
}
XBLOCK_EXTRA_SERVICES = {**globals().get("XBLOCK_EXTRA_SERVICES", {}), "ai_extensions": "lectern_openedx.wiring.ai_extensions_factory"}
{%- if LECTERN_ORA_STEP %}
ORA2_ASSESSMENTS = {
    "peer": "openassessment.assessment.api.peer",
    "self": "openassessment.assessment.api.self",
    "training": "openassessment.assessment.api.student_training",
    "ai": "lectern_openedx.ora",
}
{%- endif %}
"""
# Without `flush_interval -1`: with it Caddy does not tell when a learner leaves before the answer began.
DOOR = """\
handle /openedx-ai-extensions/* {
    reverse_proxy {{ LECTERN_ADDRESS }}
}
"""
hooks.Filters.ENV_PATCHES.add_items([("openedx-common-settings", SETTINGS), ("caddyfile-lms", DOOR), ("caddyfile-cms", DOOR)])
