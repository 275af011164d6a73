;; A chat room without an SDK, for examples/embed: says who came by text, passes messages on, says
;; that somebody left, and answers the one who spoke with what was said before, which it keeps in its db.
(module
  (import "ramp_v1" "room_broadcast"
    (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_send" (func $conn_send (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_get" (func $db_get (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_set" (func $db_set (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "wait" (func $wait (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; descriptor: size, inbox, inbox_cap, flags, sdk_version, host_minor_needed, 0, 0
  (data (i32.const 16) "\20\00\00\00" "\00\10\00\00" "\00\10\00\00" "\00\00\00\00"
                       "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (data (i32.const 64) "somebody came")
  (data (i32.const 96) "somebody left")
  (data (i32.const 128) "sent")
  (data (i32.const 160) "last")
  (func (export "ramp_abi_v1") (result i32) (i32.const 16))
  (func (export "on_join") (param $conn i32)
    (drop (call $room_broadcast
      (i32.const 64) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (local $size i32)
    ;; what was said last, to the sender
    (local.set $size
      (call $db_get (i32.const 160) (i32.const 4) (i32.const 512) (i32.const 256)))
    (if (i32.eq (local.get $size) (i32.const 0x80000000))
      (then (local.set $size (call $wait (i32.const 512) (i32.const 256)))))
    (if (i32.ge_s (local.get $size) (i32.const 0))
      (then (drop (call $conn_send
        (local.get $conn) (i32.const 512) (local.get $size) (i32.const 0)))))
    (drop (call $db_set (i32.const 160) (i32.const 4) (i32.const 4112) (local.get $n)))
    ;; to all but the sender, whose handle lies at 256
    (i32.store (i32.const 256) (local.get $conn))
    (drop (call $room_broadcast
      (i32.const 4112) (local.get $n) (i32.const 0) (i32.const 256) (i32.const 1)))
    (drop (call $conn_send (local.get $conn) (i32.const 128) (i32.const 4) (i32.const 0))))
  (func (export "on_leave") (param $conn i32) (param $code i32)
    (drop (call $room_broadcast
      (i32.const 96) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0)))))
