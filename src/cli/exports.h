/* What commands that make a file have in common. */
#pragma once
#include "cli/cli.h"
#include "workflows/export.h"

/* --format, or `otherwise` when it is absent; false after saying what is wrong. */
bool lt_cli_format(struct lt_cli *cli, int otherwise, int *ret);
/* Writes to --output, or to standard output when that is absent or "-". Returns the exit code. */
int lt_cli_export(struct lt_cli *cli, const struct lt_export *export);
