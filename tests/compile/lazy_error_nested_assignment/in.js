const z = $.data = 20;
