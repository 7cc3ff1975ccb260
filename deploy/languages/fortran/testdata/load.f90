program load
  implicit none
  integer(1), allocatable, volatile :: held(:)
  integer :: i
  allocate (held(40 * 1024**2))
  held = 1
  do i = 1, 300
    print '(a)', repeat('x', 1023)
  end do
  if (held(4096) /= 1) stop 1
end program
