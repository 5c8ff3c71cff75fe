/* hiredis's reader with a bound on what a Redis may announce. */
#pragma once
#include <hiredis/hiredis.h>

enum { LT_REDIS_ELEMENTS_MAX = 1 << 16 /* of one array: 512 KiB */ };

/*
 * A reader that refuses an array of more than LT_REDIS_ELEMENTS_MAX elements as if memory were out (redisReaderGetReply() gives REDIS_ERR): hiredis allocates what
 * "*100000000" announces before a byte of it has come. For redisReaderFree(); ends the process without memory. Any thread.
 */
redisReader *lt_redis_reader_new(void);
