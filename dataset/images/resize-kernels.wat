;; Pillow's two resize passes over 8-bit RGB, in 22-bit fixed point: sum of byte · weight + 2^21, shifted right by 22 and
;; clipped to a byte. All addresses and counts are in bytes or elements of i32; sums stay below 2^31.
(module
  (memory (export "memory") 1)

  ;; Rows of `width` pixels at $source -> rows of `count` pixels at $target. A pixel is read and written as four bytes: one
  ;; byte behind each buffer must be there, and what is written too much is overwritten by the next pixel.
  (func (export "horizontal")
    (param $source i32) (param $width i32) (param $height i32) (param $target i32) (param $count i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $widest i32)
    (local $row i32) (local $column i32) (local $pixel i32) (local $weight i32) (local $end i32) (local $sum v128)
    (block $done
      (loop $rows
        (br_if $done (i32.ge_u (local.get $row) (local.get $height)))
        (local.set $column (i32.const 0))
        (block $rowDone
          (loop $columns
            (br_if $rowDone (i32.ge_u (local.get $column) (local.get $count)))
            (local.set $pixel
              (i32.add (local.get $source)
                (i32.mul (i32.const 3)
                  (i32.load (i32.add (local.get $starts) (i32.shl (local.get $column) (i32.const 2)))))))
            (local.set $weight
              (i32.add (local.get $weights)
                (i32.shl (i32.mul (local.get $column) (local.get $widest)) (i32.const 2))))
            (local.set $end
              (i32.add (local.get $weight)
                (i32.shl
                  (i32.load (i32.add (local.get $counts) (i32.shl (local.get $column) (i32.const 2))))
                  (i32.const 2))))
            (local.set $sum (i32x4.splat (i32.const 2097152)))
            (loop $taps
              (local.set $sum
                (i32x4.add (local.get $sum)
                  (i32x4.mul
                    (v128.load32_splat (local.get $weight))
                    (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $pixel)))))))
              (local.set $pixel (i32.add (local.get $pixel) (i32.const 3)))
              (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
              (br_if $taps (i32.lt_u (local.get $weight) (local.get $end))))
            (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
            (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
            (v128.store32_lane 0 (local.get $target) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
            (local.set $target (i32.add (local.get $target) (i32.const 3)))
            (local.set $column (i32.add (local.get $column) (i32.const 1)))
            (br $columns)))
        (local.set $source (i32.add (local.get $source) (i32.mul (local.get $width) (i32.const 3))))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $rows))))

  ;; Rows of `rowBytes` at $source -> `count` rows of as many at $target. Sixteen bytes are read and written at a time: as
  ;; many behind each buffer must be there.
  (func (export "vertical")
    (param $source i32) (param $rowBytes i32) (param $target i32) (param $count i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $widest i32)
    (local $row i32) (local $place i32) (local $first i32) (local $byte i32) (local $weight i32) (local $begin i32)
    (local $end i32) (local $w v128) (local $bytes v128) (local $low v128) (local $high v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (block $done
      (loop $rows
        (br_if $done (i32.ge_u (local.get $row) (local.get $count)))
        (local.set $first
          (i32.add (local.get $source)
            (i32.mul (local.get $rowBytes)
              (i32.load (i32.add (local.get $starts) (i32.shl (local.get $row) (i32.const 2)))))))
        (local.set $begin
          (i32.add (local.get $weights)
            (i32.shl (i32.mul (local.get $row) (local.get $widest)) (i32.const 2))))
        (local.set $end
          (i32.add (local.get $begin)
            (i32.shl (i32.load (i32.add (local.get $counts) (i32.shl (local.get $row) (i32.const 2)))) (i32.const 2))))
        (local.set $place (i32.const 0))
        (loop $blocks
          (local.set $byte (i32.add (local.get $first) (local.get $place)))
          (local.set $weight (local.get $begin))
          (local.set $a (i32x4.splat (i32.const 2097152)))
          (local.set $b (local.get $a))
          (local.set $c (local.get $a))
          (local.set $d (local.get $a))
          (loop $taps
            (local.set $w (v128.load32_splat (local.get $weight)))
            (local.set $bytes (v128.load (local.get $byte)))
            (local.set $low (i16x8.extend_low_i8x16_u (local.get $bytes)))
            (local.set $high (i16x8.extend_high_i8x16_u (local.get $bytes)))
            (local.set $a
              (i32x4.add (local.get $a) (i32x4.mul (local.get $w) (i32x4.extend_low_i16x8_u (local.get $low)))))
            (local.set $b
              (i32x4.add (local.get $b) (i32x4.mul (local.get $w) (i32x4.extend_high_i16x8_u (local.get $low)))))
            (local.set $c
              (i32x4.add (local.get $c) (i32x4.mul (local.get $w) (i32x4.extend_low_i16x8_u (local.get $high)))))
            (local.set $d
              (i32x4.add (local.get $d) (i32x4.mul (local.get $w) (i32x4.extend_high_i16x8_u (local.get $high)))))
            (local.set $byte (i32.add (local.get $byte) (local.get $rowBytes)))
            (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
            (br_if $taps (i32.lt_u (local.get $weight) (local.get $end))))
          (v128.store (i32.add (local.get $target) (local.get $place))
            (i8x16.narrow_i16x8_u
              (i16x8.narrow_i32x4_s
                (i32x4.shr_s (local.get $a) (i32.const 22))
                (i32x4.shr_s (local.get $b) (i32.const 22)))
              (i16x8.narrow_i32x4_s
                (i32x4.shr_s (local.get $c) (i32.const 22))
                (i32x4.shr_s (local.get $d) (i32.const 22)))))
          (local.set $place (i32.add (local.get $place) (i32.const 16)))
          (br_if $blocks (i32.lt_u (local.get $place) (local.get $rowBytes))))
        (local.set $target (i32.add (local.get $target) (local.get $rowBytes)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $rows)))))
