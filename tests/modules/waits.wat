;; Imports `wait`. A message is u32 out, u32 cap: what it calls wait() with; the result is broadcast. A test
;; may change `mode0`: 1 waits in _initialize, 2 in ramp_abi_v1.
(module
  (import "ramp_v1" "room_broadcast" (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "wait" (func $wait (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "\20\00\00\00\00\10\00\00\00\10\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 128) "mode0")
  (func $mode (param $mode i32) (result i32)
    (i32.eq (i32.load8_u (i32.const 132)) (i32.add (i32.const 48) (local.get $mode))))
  (func (export "_initialize")
    (if (call $mode (i32.const 1)) (then (drop (call $wait (i32.const 0) (i32.const 0))))))
  (func (export "ramp_abi_v1") (result i32)
    (if (call $mode (i32.const 2)) (then (drop (call $wait (i32.const 0) (i32.const 0)))))
    (i32.const 64))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (i32.store (i32.const 8) (call $wait (i32.load (i32.const 0x1010)) (i32.load (i32.const 0x1014))))
    (drop (call $room_broadcast (i32.const 8) (i32.const 4) (i32.const 1) (i32.const 0) (i32.const 0)))))
