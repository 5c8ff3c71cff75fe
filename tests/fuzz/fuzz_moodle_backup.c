/* Moodle backups: any files (fuzz_package.h). A reader ends, within its bounds, with a tree or a reason. */
#include "fuzz_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return read_package(&lt_moodle_backup, data, size);
}
