/* Changing stacks: see stack.h. */
#include "io/stack.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
/*
 * System V ABI, AMD64 supplement, §3.2.1 and §3.2.3: rbx, rbp, r12 to r15, the control bits of MXCSR and the x87 control word belong to
 * the caller. The layout below is what lt_stack_prepare() writes.
 */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl lt_stack_swap\n"
        ".hidden lt_stack_swap\n"
        ".type lt_stack_swap, @function\n"
        "lt_stack_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq (%rsi), %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size lt_stack_swap, . - lt_stack_swap\n");

void lt_stack_prepare(struct lt_stack *stack, void *base, size_t n, void (*entry)(void))
{
    /* From below: control words, r15, r14, r13, r12, rbx, rbp, return address, and an empty slot, so that entry begins as if called. */
    uint64_t *top = (uint64_t *)((char *)base + n) - 1;
    *top = 0;
    *--top = (uint64_t)(uintptr_t)entry;
    top -= 6;
    memset(top, 0, 6 * sizeof(*top));
    uint32_t control[2];
    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(control[0]), "=m"(control[1]));
    memcpy(--top, control, sizeof(control));
    stack->sp = top;
}
#elif defined(__aarch64__)
/* AAPCS64 §6.1: x19 to x29, the link register, the low halves of v8 to v15. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl lt_stack_swap\n"
        ".hidden lt_stack_swap\n"
        ".type lt_stack_swap, %function\n"
        "lt_stack_swap:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    ldr x9, [x1]\n"
        "    mov sp, x9\n"
        "    ldp x19, x20, [sp]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size lt_stack_swap, . - lt_stack_swap\n");

void lt_stack_prepare(struct lt_stack *stack, void *base, size_t n, void (*entry)(void))
{
    uint64_t *sp = (uint64_t *)((char *)base + n) - 20;
    memset(sp, 0, 20 * sizeof(*sp));
    sp[11] = (uint64_t)(uintptr_t)entry; /* x30 */
    stack->sp = sp;
}
#else
void lt_stack_prepare(struct lt_stack *stack, void *base, size_t n, void (*entry)(void))
{
    getcontext(&stack->context);
    stack->context.uc_stack.ss_sp = base;
    stack->context.uc_stack.ss_size = n;
    stack->context.uc_link = NULL;
    makecontext(&stack->context, entry, 0);
}

void lt_stack_swap(struct lt_stack *from, struct lt_stack *to)
{
    swapcontext(&from->context, &to->context);
}
#endif
