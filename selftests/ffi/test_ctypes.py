#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libhvcal from another language: direct mode, null engine, plain ctypes.

usage: test_ctypes.py LIBRARY ENGINE_DIR
"""
import ctypes as C
import os
import sys

FRAMES = 10
WIDTH, HEIGHT = 64, 48
CODEC_NULL = int.from_bytes(b"NULL", "little")
FORMAT_NV12 = int.from_bytes(b"NV12", "little")
GOT_PACKET, GOT_NOTICE = 0, 1
EAGAIN, ENODATA, ENOTCONN = 11, 61, 107
u32, u64, i32, i64 = C.c_uint32, C.c_uint64, C.c_int32, C.c_int64


def struct(name, *fields):
    return type(name, (C.Structure,), {"_fields_": list(fields)})


Init = struct("Init", ("struct_size", u32), ("backend", u32), ("log_level", i32),
              ("reserved", u32), ("log", C.c_void_p), ("log_cookie", C.c_void_p),
              ("device_path", C.c_char_p), ("engine_path", C.c_char_p),
              ("engine_options", C.c_char_p), ("reason", C.c_char_p),
              ("reason_len", u64))
Buffer = struct("Buffer", ("struct_size", u32), ("memory", u32), ("fd", i32 * 4),
                ("cpu_ptr", C.c_void_p), ("size", u64), ("format", u32),
                ("width", u32), ("height", u32), ("planes", u32), ("modifier", u64),
                ("offset", u64 * 4), ("stride", u32 * 4), ("fd_index", u32 * 4),
                ("device", u32), ("reserved", u32), ("handle", C.c_void_p),
                ("device_ptr", u64))
Pool = struct("Pool", ("struct_size", u32), ("flags", u32), ("format", u32),
              ("width", u32), ("height", u32), ("stride_align", u32),
              ("plane_align", u32), ("memory", u32), ("size", u64),
              ("min_buffers", u32), ("max_buffers", u32), ("numa_node", i32),
              ("reserved", u32))
Admission = struct("Admission", ("struct_size", u32), ("engine", u32),
                   ("share_ppm", u32), ("left_ppm", u32), ("limit", u32),
                   ("reserved", u32), ("fit_period_ns", u64),
                   ("reason", C.c_char * 256))
Packet = struct("Packet", ("struct_size", u32), ("flags", u32), ("notice", u32),
                ("status", i32), ("data", C.c_void_p), ("size", u64), ("pts", i64),
                ("dts", i64), ("user_data", u64), ("job", u64), ("timeline", u64),
                ("submit_ns", u64), ("ready_ns", u64), ("start_ns", u64),
                ("done_ns", u64), ("deadline_ns", u64), ("applied_bitrate", u64),
                ("satd", u64), ("copied_bytes", u64), ("frame_type", u32),
                ("qp_q8", i32), ("temporal_layer", u32), ("engine", u32),
                ("share_ppm", u32), ("fd", i32), ("fd_offset", u64),
                ("handle", C.c_void_p), ("saturated", u32), ("dropped", u32),
                ("recovery", u32), ("reserved", u32))
STATS_BYTES = 4096  # more than the library knows: it fills what it has



def abi_table():
    path = os.path.join(os.path.dirname(__file__), "../abi/layout.64.txt")
    return {k: int(v) for k, v in (line.split() for line in open(path))}


class Tap:
    def __init__(self):
        self.n = self.bad = 0

    def check(self, good, text):
        self.n += 1
        self.bad += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {text}", flush=True)
        if not good and "abort" in text:
            sys.exit(1)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if C.sizeof(C.c_void_p) != 8:
        print("1..0 # SKIP 64 bit only")
        return 0
    if not os.path.exists(sys.argv[1]):
        sys.exit(f"{sys.argv[1]} does not exist: run make first")
    if not os.path.exists(os.path.join(sys.argv[2], "hvcal-engine-null.so")):
        print("1..0 # SKIP the null engine is not built")
        return 0
    lib = C.CDLL(os.path.abspath(sys.argv[1]))
    lib.hvcal_strerror.restype = C.c_char_p
    tap, abi = Tap(), abi_table()
    config_size = abi["hvcal_config_t"]
    raw = (C.c_ubyte * config_size)()

    for mine, name in ((Init, "init_params"), (Buffer, "buffer"), (Pool, "pool_params"),
                       (Admission, "admission"), (Packet, "packet")):
        tap.check(C.sizeof(mine) == abi[f"hvcal_{name}_t"], f"size of hvcal_{name}_t")

    # another process's view of what went wrong
    reason = C.create_string_buffer(256)
    init = Init()
    lib.hvcal_init_params_default(C.byref(init), C.c_size_t(C.sizeof(init)))
    init.backend = 1
    init.device_path = b"/nonexistent/hvcal"
    init.reason, init.reason_len = C.cast(reason, C.c_char_p), len(reason)
    ctx = C.c_void_p()
    ret = lib.hvcal_initialize(C.byref(ctx), C.byref(init))
    tap.check(ret == -2 and b"modprobe" in reason.value, f"no module: {reason.value.decode()}")

    init.backend = 2
    init.log_level = 3
    init.engine_path = os.fsencode(os.path.abspath(sys.argv[2]))
    reason.value = b""
    ret = lib.hvcal_initialize(C.byref(ctx), C.byref(init))
    tap.check(ret == 0, f"hvcal_initialize: {ret} {reason.value.decode()} (abort)")

    lib.hvcal_config_default(raw, C.c_size_t(config_size))
    for field, size, value in (("codec", 4, CODEC_NULL), ("width", 4, WIDTH),
                               ("height", 4, HEIGHT), ("fps", 4, 30),
                               ("bitrate", 8, 1000000)):
        at = abi[f"hvcal_config_t.{field}"]
        raw[at:at + size] = value.to_bytes(size, "little")
    adm = Admission()
    lib.hvcal_admission_default(C.byref(adm), C.c_size_t(C.sizeof(adm)))
    session = C.c_void_p()
    ret = lib.hvcal_create_session(ctx, raw, C.byref(session), C.byref(adm))
    tap.check(ret == -ENOTCONN and adm.reason, f"test engines are not chosen: {adm.reason.decode()}")
    at = abi["hvcal_config_t.engine_name"]
    raw[at:at + 4] = b"null"
    ret = lib.hvcal_create_session(ctx, raw, C.byref(session), C.byref(adm))
    tap.check(ret == 0, f"hvcal_create_session: {ret} {adm.reason.decode()} (abort)")

    params = Pool()
    lib.hvcal_pool_params_default(C.byref(params), C.c_size_t(C.sizeof(params)))
    params.format, params.width, params.height = FORMAT_NV12, WIDTH, HEIGHT
    pool = C.c_void_p()
    tap.check(lib.hvcal_pool_create(ctx, C.byref(params), C.byref(pool)) == 0, "hvcal_pool_create")

    pkt = Packet()
    lib.hvcal_packet_default(C.byref(pkt), C.c_size_t(C.sizeof(pkt)))
    got = []

    def collect(timeout_ms):
        ret = lib.hvcal_get_bitstream(session, C.byref(pkt), timeout_ms)
        if ret == GOT_PACKET:
            got.append((pkt.pts, C.string_at(pkt.data, min(pkt.size, 4)), pkt.submit_ns <= pkt.done_ns))
            lib.hvcal_release_packet(C.byref(pkt))
        return ret

    for i in range(FRAMES):
        buf = C.POINTER(Buffer)()
        if lib.hvcal_pool_acquire(pool, C.byref(buf)):
            break
        C.memset(buf.contents.cpu_ptr, i, buf.contents.size)
        while (ret := lib.hvcal_submit_frame(session, buf, None)) == -EAGAIN:
            collect(1000)
        if ret:
            tap.check(False, f"hvcal_submit_frame: {lib.hvcal_strerror(ret).decode()}")
        lib.hvcal_buffer_release(C.byref(buf))

    # one frame of plain Python bytes: it works, and it is counted as a copy
    data = C.create_string_buffer(bytes(WIDTH * HEIGHT * 3 // 2))
    mine = Buffer()
    lib.hvcal_buffer_default(C.byref(mine), C.c_size_t(C.sizeof(mine)))
    mine.cpu_ptr, mine.size = C.addressof(data), len(data)
    while (ret := lib.hvcal_submit_frame(session, C.byref(mine), None)) == -EAGAIN:
        collect(1000)
    tap.check(ret == 0, "a frame of plain memory")

    tap.check(lib.hvcal_flush(session) == 0, "hvcal_flush")
    for _ in range(4 * FRAMES):
        ret = collect(5000)
        if ret < 0:
            break
    tap.check(ret == -ENODATA, f"end of stream: {lib.hvcal_strerror(ret).decode()}")
    tap.check([g[0] for g in got] == list(range(FRAMES + 1)), f"{len(got)} packets, in order")
    tap.check(all(g[1] == b"hvN0" for g in got), "packets of the null engine")
    tap.check(all(g[2] for g in got), "times are in order")

    stats = (C.c_ubyte * STATS_BYTES)()
    lib.hvcal_stats_default(stats, C.c_size_t(STATS_BYTES))
    tap.check(lib.hvcal_get_stats(session, stats) == 0, "hvcal_get_stats")

    def stat(field):
        at = abi[f"hvcal_stats_t.{field}"]
        return int.from_bytes(bytes(stats[at:at + 8]), "little")

    tap.check(stat("done") == FRAMES + 1, f"stats: {stat('done')} done")
    tap.check(stat("copied_bytes") == WIDTH * HEIGHT * 3 // 2,
              f"stats: {stat('copied_bytes')} bytes copied, those of the plain memory alone")

    lib.hvcal_pool_destroy(C.byref(pool))
    lib.hvcal_shutdown(C.byref(ctx))          # before the session: allowed
    lib.hvcal_destroy_session(C.byref(session))
    tap.check(not ctx and not session and not pool, "handles are NULL after closing")
    print(f"1..{tap.n}")
    return tap.bad != 0


if __name__ == "__main__":
    sys.exit(main())
