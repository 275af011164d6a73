;; Suspends. Not ABI: for tests/unit/engine.
(module
  (import "ramp_v1" "wait" (func $wait (param i32 i32) (result i32)))
  (import "ramp_v1" "time_ms" (func $time_ms (result i64)))
  (memory (export "memory") 1)
  (func (export "wait_once") (param i32 i32) (result i32)
    (i32.add (call $wait (local.get 0) (local.get 1)) (i32.const 1)))
  ;; A sum over `n` waits.
  (func (export "wait_often") (param $n i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $sum (i32.add (local.get $sum) (call $wait (i32.const 0) (local.get $n))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  (func (export "wait_then_trap") (drop (call $wait (i32.const 0) (i32.const 0))) unreachable)
  (func (export "no_wait") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "spin") (loop (br 0)))
  ;; Waits, then counts rounds for ever at 2048; each calls a host function.
  (func (export "wait_then_spin")
    (drop (call $wait (i32.const 0) (i32.const 0)))
    (loop
      (drop (call $time_ms))
      (i64.store (i32.const 2048) (i64.add (i64.load (i32.const 2048)) (i64.const 1)))
      (br 0)))
  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "recurse") (param i32) (result i32) (call $recurse (local.get 0))))
