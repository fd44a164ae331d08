class A {
  @logged run(x: number) {}
}
