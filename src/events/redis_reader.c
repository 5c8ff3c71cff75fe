/* hiredis's own functions that make replies, but for the one that makes arrays. Fuzzed by tests/fuzz/fuzz_stream_entry.c. */
#include "events/redis_reader.h"

#include <pthread.h>

#include "base/memory.h"

#if HIREDIS_MAJOR >= 1
typedef size_t elements;
#else
typedef int elements;
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static redisReplyObjectFunctions own, bounded; /* hiredis keeps its table to itself: it is read off a reader */

static void *bounded_array(const redisReadTask *task, elements n)
{
    return n > LT_REDIS_ELEMENTS_MAX ? NULL : own.createArray(task, n);
}

static redisReader *reader_new(void)
{
    redisReader *reader = redisReaderCreate();
    if (!reader)
        lt_out_of_memory(0);
    return reader;
}

static void prepare(void)
{
    redisReader *reader = reader_new();
    own = bounded = *reader->fn;
    bounded.createArray = bounded_array;
    redisReaderFree(reader);
}

redisReader *lt_redis_reader_new(void)
{
    pthread_once(&once, prepare);
    redisReader *reader = reader_new();
    reader->fn = &bounded;
    return reader;
}
