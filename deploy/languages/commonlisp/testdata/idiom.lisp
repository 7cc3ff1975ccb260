(defgeneric area (shape))
(defclass square () ((side :initarg :side :reader side)))
(defmethod area ((s square)) (expt (side s) 2))

(defmacro twice (form) `(progn ,form ,form))

(let ((n 0))
  (twice (incf n))
  (format t "~a ~a ~r ~a~%" (area (make-instance 'square :side 3)) n 42 (loop for i below 5 when (evenp i) collect i)))
