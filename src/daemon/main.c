/* The one program: `lectern serve` and the commands. */
#include "cli/cli.h"
#include "daemon/serve.h"

int main(int argc, char **argv)
{
    return lt_cli_main(argc, argv, lt_serve);
}
