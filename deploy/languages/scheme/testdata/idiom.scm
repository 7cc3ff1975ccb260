(use-modules (srfi srfi-1) (ice-9 match))

(define-syntax swap!
  (syntax-rules () ((_ a b) (let ((t a)) (set! a b) (set! b t)))))

(define x 1)
(define y 2)
(swap! x y)
(match (list x y)
  ((a b) (format #t "~a ~a ~a ~a~%" a b (fold + 0 (iota 5)) (expt 2 70))))
