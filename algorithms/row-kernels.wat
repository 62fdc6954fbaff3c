;; Loops over one gradient row, two float64 lanes at a time. A row is padded with zeros to a multiple of four
;; components, so there is no tail. Partial sums are kept by index mod 4 and added as (p0 + p2) + (p1 + p3): the same
;; bits on every machine. `npm run kernels` turns this text into row-kernels-code.ts.
(module
  (memory (export "memory") 1)

  ;; row = float32(scale · codes)
  (func (export "decode") (param $codes i32) (param $row i32) (param $end i32) (param $scale f64)
    (local $scales v128) (local $four v128)
    (local.set $scales (f64x2.splat (local.get $scale)))
    (loop $next
      (local.set $four
        (i32x4.extend_low_i16x8_s (i16x8.extend_low_i8x16_s (v128.load32_zero (local.get $codes)))))
      (v128.store (local.get $row)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
          (f32x4.demote_f64x2_zero (f64x2.mul (local.get $scales) (f64x2.convert_low_i32x4_s (local.get $four))))
          (f32x4.demote_f64x2_zero (f64x2.mul (local.get $scales) (f64x2.convert_low_i32x4_s
            (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $four) (local.get $four)))))))
      (local.set $codes (i32.add (local.get $codes) (i32.const 4)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end)))))

  ;; max |row|, NaN passed over
  (func (export "largest") (param $row i32) (param $end i32) (result f32)
    (local $most v128)
    (loop $next
      (local.set $most (f32x4.pmax (local.get $most) (f32x4.abs (v128.load (local.get $row)))))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end))))
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $most)) (f32x4.extract_lane 1 (local.get $most)))
      (f32.max (f32x4.extract_lane 2 (local.get $most)) (f32x4.extract_lane 3 (local.get $most)))))

  ;; Σ row²
  (func (export "squares") (param $row i32) (param $end i32) (result f64)
    (local $low v128) (local $high v128) (local $lowSum v128) (local $highSum v128)
    (loop $next
      (local.set $low (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $row))))
      (local.set $high (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $row))))
      (local.set $lowSum (f64x2.add (local.get $lowSum) (f64x2.mul (local.get $low) (local.get $low))))
      (local.set $highSum (f64x2.add (local.get $highSum) (f64x2.mul (local.get $high) (local.get $high))))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end))))
    (call $total (f64x2.add (local.get $lowSum) (local.get $highSum))))

  ;; sum += floor(row · scale + 1/2), for two sums at once
  (func (export "add") (param $row i32) (param $end i32)
    (param $sumA i32) (param $scaleA f64) (param $sumB i32) (param $scaleB f64)
    (local $scalesA v128) (local $scalesB v128) (local $half v128) (local $low v128) (local $high v128)
    (local.set $scalesA (f64x2.splat (local.get $scaleA)))
    (local.set $scalesB (f64x2.splat (local.get $scaleB)))
    (local.set $half (f64x2.splat (f64.const 0.5)))
    (loop $next
      (local.set $low (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $row))))
      (local.set $high (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $row))))
      (v128.store (local.get $sumA) (f64x2.add (v128.load (local.get $sumA))
        (f64x2.floor (f64x2.add (f64x2.mul (local.get $low) (local.get $scalesA)) (local.get $half)))))
      (v128.store offset=16 (local.get $sumA) (f64x2.add (v128.load offset=16 (local.get $sumA))
        (f64x2.floor (f64x2.add (f64x2.mul (local.get $high) (local.get $scalesA)) (local.get $half)))))
      (v128.store (local.get $sumB) (f64x2.add (v128.load (local.get $sumB))
        (f64x2.floor (f64x2.add (f64x2.mul (local.get $low) (local.get $scalesB)) (local.get $half)))))
      (v128.store offset=16 (local.get $sumB) (f64x2.add (v128.load offset=16 (local.get $sumB))
        (f64x2.floor (f64x2.add (f64x2.mul (local.get $high) (local.get $scalesB)) (local.get $half)))))
      (local.set $sumA (i32.add (local.get $sumA) (i32.const 32)))
      (local.set $sumB (i32.add (local.get $sumB) (i32.const 32)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end)))))

  ;; out[0] = Σ row², out[1] = Σ row · meanA, out[2] = Σ row · meanB
  (func (export "products") (param $row i32) (param $end i32) (param $meanA i32) (param $meanB i32) (param $out i32)
    (local $low v128) (local $high v128)
    (local $squareLow v128) (local $squareHigh v128)
    (local $aLow v128) (local $aHigh v128) (local $bLow v128) (local $bHigh v128)
    (loop $next
      (local.set $low (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $row))))
      (local.set $high (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $row))))
      (local.set $squareLow (f64x2.add (local.get $squareLow) (f64x2.mul (local.get $low) (local.get $low))))
      (local.set $squareHigh (f64x2.add (local.get $squareHigh) (f64x2.mul (local.get $high) (local.get $high))))
      (local.set $aLow (f64x2.add (local.get $aLow)
        (f64x2.mul (local.get $low) (v128.load (local.get $meanA)))))
      (local.set $aHigh (f64x2.add (local.get $aHigh)
        (f64x2.mul (local.get $high) (v128.load offset=16 (local.get $meanA)))))
      (local.set $bLow (f64x2.add (local.get $bLow)
        (f64x2.mul (local.get $low) (v128.load (local.get $meanB)))))
      (local.set $bHigh (f64x2.add (local.get $bHigh)
        (f64x2.mul (local.get $high) (v128.load offset=16 (local.get $meanB)))))
      (local.set $meanA (i32.add (local.get $meanA) (i32.const 32)))
      (local.set $meanB (i32.add (local.get $meanB) (i32.const 32)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end))))
    (f64.store (local.get $out) (call $total (f64x2.add (local.get $squareLow) (local.get $squareHigh))))
    (f64.store offset=8 (local.get $out) (call $total (f64x2.add (local.get $aLow) (local.get $aHigh))))
    (f64.store offset=16 (local.get $out) (call $total (f64x2.add (local.get $bLow) (local.get $bHigh)))))

  (func $total (param $pair v128) (result f64)
    (f64.add (f64x2.extract_lane 0 (local.get $pair)) (f64x2.extract_lane 1 (local.get $pair)))))
