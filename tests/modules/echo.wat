;; Sends every message to the whole room, without a copy in between. For benchmarks.
(module
  (import "ramp_v1" "room_broadcast" (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "\20\00\00\00\00\10\00\00\00\40\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (drop (call $room_broadcast (i32.const 0x1010) (local.get $n) (i32.and (local.get $flags) (i32.const 1))
      (i32.const 0) (i32.const 0))))
  (func (export "ramp_abi_v1") (result i32) (i32.const 64)))
