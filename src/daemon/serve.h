/* lectern serve. */
#pragma once
#include "cli/cli.h"

/* Runs until SIGTERM or SIGINT. Returns the exit code. */
int lt_serve(struct lt_cli *cli);
