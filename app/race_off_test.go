//go:build !race

package app_test

const thin = 1
