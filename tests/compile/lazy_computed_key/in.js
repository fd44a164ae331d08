get(cities[$.data.city]);
