(defvar *held* (make-array (* 40 1024 1024) :element-type '(unsigned-byte 8) :initial-element 1))
(let ((line (make-string 1023 :initial-element #\x)))
  (dotimes (i 300) (write-line line)))
(aref *held* 1)
