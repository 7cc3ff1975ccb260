#include <compare>
#include <concepts>
#include <iostream>
#include <ranges>
#include <vector>

struct Point {
    int x, y;
    auto operator<=>(const Point &) const = default;
};

template <std::integral T> T twice(T n) { return 2 * n; }

int main() {
    std::vector<int> all{1, 2, 3, 4};
    for (int n : all | std::views::filter([](int n) { return n % 2 == 0; }) | std::views::transform(twice<int>))
        std::cout << n << ' ';
    std::cout << (Point{1, 2} < Point{1, 3}) << '\n';
}
