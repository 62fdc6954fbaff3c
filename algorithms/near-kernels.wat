;; Which rows of int8 codes lie near to one: by bits first, then by exact products. Products of codes are whole numbers,
;; so sums are exact in any order. Widths are multiples of 16, zeros behind. `npm run kernels` turns this text into
;; near-kernels-code.ts.
(module
  (memory (export "memory") 1)

  ;; Σ a · b from $a to $end
  (func $dot (param $a i32) (param $end i32) (param $b i32) (result i32)
    (local $left v128) (local $right v128) (local $sum v128)
    (loop $next
      (local.set $left (v128.load (local.get $a)))
      (local.set $right (v128.load (local.get $b)))
      (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s
        (i16x8.extend_low_i8x16_s (local.get $left)) (i16x8.extend_low_i8x16_s (local.get $right)))))
      (local.set $sum (i32x4.add (local.get $sum) (i32x4.dot_i16x8_s
        (i16x8.extend_high_i8x16_s (local.get $left)) (i16x8.extend_high_i8x16_s (local.get $right)))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $a) (local.get $end))))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
      (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))

  (func (export "dot") (param $a i32) (param $end i32) (param $b i32) (result i32)
    (call $dot (local.get $a) (local.get $end) (local.get $b)))

  ;; First place in a list of rows whose cosine with a row is at least $least, or −1. A row has its codes at
  ;; $codes + row · $width, and two norms at $norms + 16 · row: of all codes, and of those from $cut on. What the codes
  ;; before $cut leave open is bounded by the product of the norms behind it, so most rows cost no more than these.
  (func (export "first") (param $list i32) (param $count i32) (param $row i32)
    (param $codes i32) (param $width i32) (param $cut i32) (param $norms i32) (param $least f64) (result i32)
    (local $place i32) (local $a i32) (local $b i32) (local $norm i32) (local $other i32) (local $product f64)
    (local $goal f64)
    (local.set $a (i32.add (local.get $codes) (i32.mul (local.get $row) (local.get $width))))
    (local.set $norm (i32.add (local.get $norms) (i32.shl (local.get $row) (i32.const 4))))
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $place) (local.get $count)))
        (local.set $other (i32.load (i32.add (local.get $list) (i32.shl (local.get $place) (i32.const 2)))))
        (local.set $b (i32.add (local.get $codes) (i32.mul (local.get $other) (local.get $width))))
        (local.set $other (i32.add (local.get $norms) (i32.shl (local.get $other) (i32.const 4))))
        (local.set $goal (f64.mul (local.get $least)
          (f64.mul (f64.load (local.get $norm)) (f64.load (local.get $other)))))
        (local.set $product (f64.convert_i32_s
          (call $dot (local.get $a) (i32.add (local.get $a) (local.get $cut)) (local.get $b))))
        (if (f64.ge
              (f64.add (local.get $product) (f64.mul (f64.const 1.000000001)
                (f64.mul (f64.load offset=8 (local.get $norm)) (f64.load offset=8 (local.get $other)))))
              (local.get $goal))
          (then
            (if (i32.lt_u (local.get $cut) (local.get $width))
              (then (local.set $product (f64.add (local.get $product) (f64.convert_i32_s (call $dot
                (i32.add (local.get $a) (local.get $cut))
                (i32.add (local.get $a) (local.get $width))
                (i32.add (local.get $b) (local.get $cut))))))))
            (if (f64.ge (local.get $product) (local.get $goal)) (then (return (local.get $place))))))
        (local.set $place (i32.add (local.get $place) (i32.const 1)))
        (br $next)))
    (i32.const -1))

  ;; Adds to a list of rows, behind $kept, those of a bucket that differ from a row in at most $most of 128 bits. The
  ;; bucket has its rows at $rows and 16 bytes of each at $marks; the row's own stand at $own. @returns rows of the list
  (func (export "screen") (param $rows i32) (param $marks i32) (param $count i32) (param $own i32) (param $most i32)
    (param $list i32) (param $kept i32) (result i32)
    (local $bits v128) (local $sum v128) (local $end i32)
    (local.set $bits (v128.load (local.get $own)))
    (local.set $end (i32.add (local.get $rows) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $rows) (local.get $end)))
        (local.set $sum (i8x16.popcnt (v128.xor (local.get $bits) (v128.load (local.get $marks)))))
        (local.set $sum (i32x4.extadd_pairwise_i16x8_u (i16x8.extadd_pairwise_i8x16_u (local.get $sum))))
        (if (i32.le_u
              (i32.add
                (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
                (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum))))
              (local.get $most))
          (then
            (i32.store (i32.add (local.get $list) (i32.shl (local.get $kept) (i32.const 2)))
              (i32.load (local.get $rows)))
            (local.set $kept (i32.add (local.get $kept) (i32.const 1)))))
        (local.set $rows (i32.add (local.get $rows) (i32.const 4)))
        (local.set $marks (i32.add (local.get $marks) (i32.const 16)))
        (br $next)))
    (local.get $kept))

  ;; Keeps, at the start of a list of rows, those whose 512 bits differ from a row's in at most $most. @returns how many
  (func (export "alike") (param $list i32) (param $count i32) (param $row i32) (param $bits i32) (param $most i32)
    (result i32)
    (local $place i32) (local $kept i32) (local $other i32) (local $b i32) (local $a i32) (local $sum v128)
    (local $w v128) (local $x v128) (local $y v128) (local $z v128)
    (local.set $a (i32.add (local.get $bits) (i32.shl (local.get $row) (i32.const 6))))
    (local.set $w (v128.load (local.get $a)))
    (local.set $x (v128.load offset=16 (local.get $a)))
    (local.set $y (v128.load offset=32 (local.get $a)))
    (local.set $z (v128.load offset=48 (local.get $a)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $place) (local.get $count)))
        (local.set $other (i32.load (i32.add (local.get $list) (i32.shl (local.get $place) (i32.const 2)))))
        (local.set $b (i32.add (local.get $bits) (i32.shl (local.get $other) (i32.const 6))))
        (local.set $sum (i8x16.add
          (i8x16.add
            (i8x16.popcnt (v128.xor (local.get $w) (v128.load (local.get $b))))
            (i8x16.popcnt (v128.xor (local.get $x) (v128.load offset=16 (local.get $b)))))
          (i8x16.add
            (i8x16.popcnt (v128.xor (local.get $y) (v128.load offset=32 (local.get $b))))
            (i8x16.popcnt (v128.xor (local.get $z) (v128.load offset=48 (local.get $b)))))))
        (local.set $sum (i32x4.extadd_pairwise_i16x8_u (i16x8.extadd_pairwise_i8x16_u (local.get $sum))))
        (if (i32.le_u
              (i32.add
                (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
                (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum))))
              (local.get $most))
          (then
            (i32.store (i32.add (local.get $list) (i32.shl (local.get $kept) (i32.const 2))) (local.get $other))
            (local.set $kept (i32.add (local.get $kept) (i32.const 1)))))
        (local.set $place (i32.add (local.get $place) (i32.const 1)))
        (br $next)))
    (local.get $kept)))
