"""
gdb commands for Lectern: `source share/gdb/lectern.py` in a debug build, of a live daemon or of a core.

    lectern-fibers [NAME]     every fiber of every loop: what it is, what it waits for, where; with the frames of those whose name has NAME in it
    lectern-arena EXPRESSION  the blocks of an arena (struct lt_arena *), what is used and what is free
"""
import gdb

STATES = {0: "idle", 1: "ready", 2: "running", 3: "waiting"}
FRAMES_MAX = 40
SAVED = {"i386:x86-64": (48, 56), "aarch64": (80, 88)}  # where lt_stack_swap() has put the frame pointer and the return address, above the saved stack pointer


def word(address):
    return int(gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


def text(value):
    return value.string() if int(value) else ""


def loops():
    """struct lt_loop * of each thread that runs one."""
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame = gdb.newest_frame()
        while frame:
            if frame.name() == "lt_loop_run":
                frame.select()
                yield frame.read_var("loop")
                break
            frame = frame.older()


def place(pc):
    symbol = gdb.find_pc_line(pc - 1)
    block = gdb.block_for_pc(pc - 1)
    while block and not block.function:
        block = block.superblock
    name = block.function.name if block else "?"
    return f"{name} at {symbol.symtab.filename}:{symbol.line}" if symbol.symtab else f"{pc:#x} in {name}"


def frames(sp):
    """The frames of a fiber that was left, by the chain of frame pointers: we are built with -fno-omit-frame-pointer."""
    at_frame, at_return = SAVED[gdb.selected_inferior().architecture().name()]
    frame, pc = word(sp + at_frame), word(sp + at_return)
    for _ in range(FRAMES_MAX):
        if pc == 0:
            return
        yield place(pc)
        if frame <= sp:
            return
        sp, pc, frame = frame, word(frame + 8), word(frame)


class Fibers(gdb.Command):
    """lectern-fibers [NAME]: the fibers of all loops, with the frames of those whose name has NAME in it."""

    def __init__(self):
        super().__init__("lectern-fibers", gdb.COMMAND_STACK)

    def invoke(self, wanted, from_tty):
        before = gdb.selected_thread()
        n = 0
        for loop in loops():
            fiber = loop["fibers"]["live"]
            while int(fiber):
                name = text(fiber["name"])
                state = STATES.get(int(fiber["state"]), "?")
                doing = ", ".join(filter(None, [text(fiber["doing"]), text(fiber["waits_for"])]))
                print(f"loop {int(loop['index'])}  fiber {int(fiber):#x}  {state:8} {name or '-'}" + (f"  ({doing})" if doing else ""))
                if wanted and wanted in name and state != "running":
                    for i, where in enumerate(frames(int(fiber["side"]["saved"]["sp"]))):
                        print(f"    #{i}  {where}")
                fiber = fiber["next"]
                n += 1
        before.switch()
        print(f"{n} fibers")


class Arena(gdb.Command):
    """lectern-arena EXPRESSION: the blocks of a struct lt_arena *."""

    def __init__(self):
        super().__init__("lectern-arena", gdb.COMMAND_DATA)

    def invoke(self, expression, from_tty):
        arena = gdb.parse_and_eval(expression)
        if str(arena.type.strip_typedefs()) != "struct lt_arena *":
            arena = arena.cast(gdb.lookup_type("struct lt_arena").pointer())
        block, n = arena["blocks"], 0
        while int(block):
            print(f"block {int(block):#x}  {int(block['size'])} bytes")
            block, n = block["next"], n + 1
        free = int(arena["end"]) - int(arena["at"])
        print(f"{n} blocks, {int(arena['held'])} bytes held, {free} free in the newest")


Fibers()
Arena()
