;; Base64, sixteen characters at a time. Each function works on this module's own memory, and looks at whole
;; blocks: behind the last one there may be anything, as long as there is room for a block.
(module
  (memory (export "memory") 2)

  ;; What tells which bytes are characters of base64. Each bit stands for a group of them: a byte is none of them
  ;; where its low and its high half have a bit in common. http://0x80.pl/notesen/2016-01-17-sse-base64-decoding.html
  (data (i32.const 0x00) "\15\11\11\11\11\11\11\11\11\11\13\1a\1b\1b\1b\1a")
  (data (i32.const 0x10) "\10\10\01\02\04\08\04\08\10\10\10\10\10\10\10\10")
  (data (i32.const 0x20) "\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f")
  ;; From a character to its value, by its high half; the slash, whose half is that of the plus, has the one before.
  (data (i32.const 0x30) "////////////////")
  (data (i32.const 0x40) "\00\10\13\04\bf\bf\b9\b9\00\00\00\00\00\00\00\00")
  ;; From four values of six bits to two of twelve to one of twenty-four, and the order of its bytes.
  (data (i32.const 0x50) "\40\01\40\01\40\01\40\01\40\01\40\01\40\01\40\01")
  (data (i32.const 0x60) "\00\10\01\00\00\10\01\00\00\10\01\00\00\10\01\00")
  (data (i32.const 0x70) "\02\01\00\06\05\04\0a\09\08\0e\0d\0c\80\80\80\80")

  ;; How many of `length` bytes from `text` on are characters of base64, until the first that is none.
  (func (export "plainLength") (param $text i32) (param $length i32) (result i32)
    (local $at i32) (local $characters v128) (local $strangers v128)
    (local $low v128) (local $high v128) (local $half v128)
    ;; Constants are loaded ahead: inside of the loop the engine would make them anew each time.
    (local.set $low (v128.load (i32.const 0x00)))
    (local.set $high (v128.load (i32.const 0x10)))
    (local.set $half (v128.load (i32.const 0x20)))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $length)) (then (return (local.get $length))))
      (local.set $characters (v128.load (i32.add (local.get $text) (local.get $at))))
      (local.set $strangers (v128.and
        (i8x16.relaxed_swizzle (local.get $low) (v128.and (local.get $characters) (local.get $half)))
        (i8x16.relaxed_swizzle (local.get $high)
          (v128.and (i16x8.shr_u (local.get $characters) (i32.const 4)) (local.get $half)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.eqz (v128.any_true (local.get $strangers)))))
    (local.set $at (i32.add (i32.sub (local.get $at) (i32.const 16))
      (i32.ctz (i8x16.bitmask (i8x16.ne (local.get $strangers) (v128.const i64x2 0 0))))))
    (select (local.get $at) (local.get $length) (i32.lt_u (local.get $at) (local.get $length))))

  ;; Writes to `bytes` what `length` characters from `text` on stand for, which have to be plain ones.
  (func (export "decode") (param $text i32) (param $length i32) (param $bytes i32)
    (local $end i32) (local $characters v128)
    (local $half v128) (local $slash v128) (local $values v128)
    (local $twelve v128) (local $twentyFour v128) (local $order v128)
    (local.set $half (v128.load (i32.const 0x20)))
    (local.set $slash (v128.load (i32.const 0x30)))
    (local.set $values (v128.load (i32.const 0x40)))
    (local.set $twelve (v128.load (i32.const 0x50)))
    (local.set $twentyFour (v128.load (i32.const 0x60)))
    (local.set $order (v128.load (i32.const 0x70)))
    (local.set $end (i32.add (local.get $text) (local.get $length)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $text) (local.get $end)))
      (local.set $characters (v128.load (local.get $text)))
      (v128.store (local.get $bytes)
        (i8x16.relaxed_swizzle
          (i32x4.dot_i16x8_s
            (i16x8.relaxed_dot_i8x16_i7x16_s
              (local.get $twelve)
              (i8x16.add (local.get $characters)
                (i8x16.relaxed_swizzle (local.get $values)
                  (i8x16.add
                    (v128.and (i16x8.shr_u (local.get $characters) (i32.const 4)) (local.get $half))
                    (i8x16.eq (local.get $characters) (local.get $slash))))))
            (local.get $twentyFour))
          (local.get $order)))
      (local.set $text (i32.add (local.get $text) (i32.const 16)))
      (local.set $bytes (i32.add (local.get $bytes) (i32.const 12)))
      (br $next)))))
