/* Without stdio, which may want memory itself. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lt_out_of_memory(size_t n)
{
    static const char said[] = "lectern: out of memory";
    char line[sizeof(said) + 40], digits[24];
    size_t at = sizeof(said) - 1, i = sizeof(digits);
    memcpy(line, said, at);
    if (n > 0) {
        for (; n > 0; n /= 10)
            digits[--i] = (char)('0' + n % 10);
        memcpy(line + at, " (", 2);
        memcpy(line + at + 2, digits + i, sizeof(digits) - i);
        memcpy(line + at + 2 + sizeof(digits) - i, " bytes)", 7);
        at += 2 + sizeof(digits) - i + 7;
    }
    line[at++] = '\n';
    if (write(STDERR_FILENO, line, at) < 0) {
        /* nobody listens */
    }
    abort();
}
