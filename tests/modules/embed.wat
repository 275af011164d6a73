;; A chat room without an SDK, for examples/embed: says who came by text, passes messages on, says
;; that somebody left, and answers the one who spoke.
(module
  (import "ramp_v1" "room_broadcast"
    (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_send" (func $conn_send (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; descriptor: size, inbox, inbox_cap, flags, sdk_version, host_minor_needed, 0, 0
  (data (i32.const 16) "\20\00\00\00" "\00\10\00\00" "\00\10\00\00" "\00\00\00\00"
                       "\00\00\00\00" "\00\00\00\00" "\00\00\00\00" "\00\00\00\00")
  (data (i32.const 64) "somebody came")
  (data (i32.const 96) "somebody left")
  (data (i32.const 128) "sent")
  (func (export "ramp_abi_v1") (result i32) (i32.const 16))
  (func (export "on_join") (param $conn i32)
    (drop (call $room_broadcast
      (i32.const 64) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    ;; to all but the sender, whose handle lies at 256
    (i32.store (i32.const 256) (local.get $conn))
    (drop (call $room_broadcast
      (i32.const 4112) (local.get $n) (i32.const 0) (i32.const 256) (i32.const 1)))
    (drop (call $conn_send (local.get $conn) (i32.const 128) (i32.const 4) (i32.const 0))))
  (func (export "on_leave") (param $conn i32) (param $code i32)
    (drop (call $room_broadcast
      (i32.const 96) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0)))))
