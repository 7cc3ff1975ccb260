public class Main {
    public static void main(String[] args) {
        byte[] held = new byte[40 << 20];
        java.util.Arrays.fill(held, (byte) 1);
        for (int i = 0; i < 300; i++) {
            System.out.println("x".repeat(1023));
        }
        if (held[1] != 1) {
            throw new AssertionError();
        }
    }
}
