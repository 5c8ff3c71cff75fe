/*
 * Changing stacks. On x86-64 and aarch64 a dozen instructions save what the ABI says a function must keep; elsewhere ucontext does it,
 * at the cost of two system calls a switch (swapcontext saves the signal mask, which is the same on all our stacks). Private to fiber.c.
 */
#pragma once
#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#define LT_STACK_UCONTEXT 1
#endif

struct lt_stack {
#ifdef LT_STACK_UCONTEXT
    ucontext_t context;
#else
    void *sp; /* while switched out; the kept registers lie there */
#endif
};

/* Makes a new stack of n bytes at base (16-byte aligned) ready: the first switch to it calls entry, which must never return. */
void lt_stack_prepare(struct lt_stack *stack, void *base, size_t n, void (*entry)(void));
/* The lowest byte that a stack which was left still needs; NULL where that is not known. */
static inline void *lt_stack_lowest(const struct lt_stack *stack)
{
#ifdef LT_STACK_UCONTEXT
    return NULL;
#else
    return stack->sp;
#endif
}
/* Leaves the running stack in *from and goes on where *to was left. */
void lt_stack_swap(struct lt_stack *from, struct lt_stack *to);
