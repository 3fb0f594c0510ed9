package array

import "array"

concat = array.concat
filter = array.filter
map = array.map

toBool = (arr=<-) => array.map(arr, fn: (x) => bool(v: x))
toDuration = (arr=<-) => array.map(arr, fn: (x) => duration(v: x))
toFloat = (arr=<-) => array.map(arr, fn: (x) => float(v: x))
toInt = (arr=<-) => array.map(arr, fn: (x) => int(v: x))
toString = (arr=<-) => array.map(arr, fn: (x) => string(v: x))
toTime = (arr=<-) => array.map(arr, fn: (x) => time(v: x))
toUInt = (arr=<-) => array.map(arr, fn: (x) => uint(v: x))
