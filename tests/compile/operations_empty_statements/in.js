fn(1);;
;get(2);
