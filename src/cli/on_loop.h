/* Commands that call AI services run in this process as the daemon would: the engine, one loop, one fiber that signals cancel. */
#pragma once
#include "cli/cli.h"
#include "cli/engine.h"
#include "core/caller.h"
#include "io/fiber.h"

struct lt_cli_run {
    struct lt_cli *cli;
    struct lt_engine engine;
    struct lt_loop *loop;
    struct lt_fiber *fiber;  /* while body runs */
    struct lt_caller caller; /* the operator: user "cli" with the role admin, at the site of --site */
    int exit;                /* set by body */
};

/*
 * Opens everything, reads the configuration into cli->config, calls prepare (may be NULL; non-zero ends it with that exit code) outside
 * of loops and then body on a fiber, closes everything. Ctrl-C, a closed terminal and kill cancel the fiber. Returns the exit code.
 */
int lt_cli_on_loop(struct lt_cli *cli, int (*prepare)(struct lt_cli_run *run, void *arg), void (*body)(struct lt_cli_run *run, void *arg), void *arg);
