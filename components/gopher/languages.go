package main

import "strings"

// language is how gopher talks to a user.
type language struct {
	tag       string
	hello     sentence // to a name
	favourite sentence // of an animal
	visit     sentence // of a number
	animals   string   // in the order of animalNames
}

// sentence has a place, %, for one word.
type sentence string

func (s sentence) with(word string) string {
	before, after, _ := strings.Cut(string(s), "%")
	return before + word + after
}

// animalNames are the animals that have a name in every language.
const animalNames = "dog cat bird fish rabbit horse pig mouse fox bear owl crab"

var languages = [...]language{
	{
		"en", "Hello, %!", "Your favourite animal: %.", "This is visit number %.",
		animalNames,
	},
	{
		"zh", "你好，%！", "你最喜欢的动物：%。", "这是第 % 次来访。",
		"狗 猫 鸟 鱼 兔子 马 猪 老鼠 狐狸 熊 猫头鹰 螃蟹",
	},
	{
		"es", "¡Hola, %!", "Tu animal favorito: %.", "Esta es la visita número %.",
		"perro gato pájaro pez conejo caballo cerdo ratón zorro oso búho cangrejo",
	},
	{
		"fr", "Bonjour, %\u00a0!", "Ton animal préféré\u00a0: %.", "C'est la visite numéro %.",
		"chien chat oiseau poisson lapin cheval cochon souris renard ours hibou crabe",
	},
	{
		"de", "Hallo, %!", "Dein Lieblingstier: %.", "Das ist Besuch Nummer %.",
		"Hund Katze Vogel Fisch Kaninchen Pferd Schwein Maus Fuchs Bär Eule Krabbe",
	},
	{
		"ja", "こんにちは、%さん！", "好きな動物：%。", "% 回目の訪問です。",
		"犬 猫 鳥 魚 うさぎ 馬 豚 ねずみ きつね 熊 ふくろう かに",
	},
}

// preferred is the language most wanted, by an Accept-Language, of those that gopher
// speaks; English if it speaks none of them.
func preferred(wanted string) language {
	for _, choice := range choices(wanted) {
		tag := choice.value
		if end := strings.IndexAny(tag, "-_"); end >= 0 {
			tag = tag[:end]
		}
		for _, language := range languages {
			if strings.EqualFold(tag, language.tag) {
				return language
			}
		}
	}
	return languages[0]
}

// animal is the name of an animal, or the word itself if gopher has no other.
func (l language) animal(word string) string {
	names := strings.Fields(l.animals)
	for i, name := range strings.Fields(animalNames) {
		if strings.EqualFold(name, word) {
			return names[i]
		}
	}
	return word
}
