import java.util.List;

public class Main {
    record Point(int x, int y) {}

    static String describe(Object o) {
        return switch (o) {
            case Point(int x, int y) when x == y -> "diagonal";
            case Point(var x, var y) -> x + "," + y;
            default -> "something else";
        };
    }

    public static void main(String[] args) throws InterruptedException {
        Thread.startVirtualThread(() -> System.out.println(describe(new Point(1, 2)))).join();
        System.out.println(List.of(1, 2).reversed());
    }
}
