#include "base/memory.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without stdio, which may want memory itself. */
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

/* Did the loader write into its code? Only what was not made to be moved asks for that. */
static bool is_relocated(const struct dl_phdr_info *object)
{
    const ElfW(Dyn) *d = NULL;
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            d = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    for (; d && d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_TEXTREL || (d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL)))
            return true;
    return false;
}

/* What cannot be written to is as it is in the file. */
static int let_go(struct dl_phdr_info *object, size_t size, void *arg)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)arg;
    if (is_relocated(object))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1), to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
        if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
            madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

static bool debugged(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *tracer = strstr(text, "\nTracerPid:\t");
    return !tracer || tracer[sizeof("\nTracerPid:\t") - 1] != '0';
}

void lt_memory_give_back(void)
{
    malloc_trim(0);
    if (!debugged())
        dl_iterate_phdr(let_go, NULL);
}
