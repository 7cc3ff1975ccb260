(defmulti area :kind)
(defmethod area :square [{:keys [side]}] (* side side))

(let [hits (atom 0)]
  (run! deref (doall (map #(future (swap! hits + %)) (range 5))))
  (println @hits (area {:kind :square :side 3}) (->> (iterate #(* 2 %) 1) (take-while #(< % 20)) vec) (transduce (filter odd?) + (range 6))))
(shutdown-agents)
