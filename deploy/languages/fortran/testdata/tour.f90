program tour
  use iso_fortran_env, only: error_unit, compiler_version
  implicit none
  character(80) :: word
  character(:), allocatable :: version
  integer :: i
  version = compiler_version()
  i = index(version, '.')
  print '(2a)', 'version ', version(i - 2:i - 1)
  write (*, '(a)', advance='no') 'args '
  do i = 1, command_argument_count()
    call get_command_argument(i, word)
    if (i > 1) write (*, '(a)', advance='no') '|'
    write (*, '(a)', advance='no') trim(word)
  end do
  print '(a)', ''
  call get_environment_variable('GREETING', word)
  print '(2a)', 'env ', trim(word)
  read (*, '(a)') word
  read (*, '(a)') word
  print '(2a)', 'stdin ', trim(word)
  print '(a)', '日本語 🐘'
  write (error_unit, '(a)') 'to stderr'
  stop 3, quiet=.true.
end program
