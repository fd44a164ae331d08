class A {
  url = $.url;
}
