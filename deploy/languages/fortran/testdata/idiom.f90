module shapes
  implicit none
  type :: square
    real :: side
  contains
    procedure :: area
  end type
contains
  elemental real function area(self)
    class(square), intent(in) :: self
    area = self%side**2
  end function
end module

program idiom
  use shapes
  implicit none
  integer :: i
  type(square) :: all(3)
  all = [(square(real(i)), i = 1, 3)]
  print '(f5.1, i3, l2)', sum(all%area()), dot_product([1, 2], [3, 4]), any([1, 2] > 1)
end program
