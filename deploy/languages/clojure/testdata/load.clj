(let [held (byte-array (bit-shift-left 40 20) (byte 1))
      line (apply str (repeat 1023 "x"))]
  (dotimes [_ 300] (println line))
  (assert (= 1 (aget held 4096))))
