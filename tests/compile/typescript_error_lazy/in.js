type A = 1;


const x: A = $.data;
